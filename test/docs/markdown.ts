import { readdirSync } from 'node:fs'
import { join, relative } from 'node:path'

/** Folders whose READMEs are somebody else's, or copies. */
const foreign = new Set(['node_modules', 'dist', '.git', '.cache'])

/** Every README.md of the project, relative to its root. */
export function readmesOf(root: string, folder = root): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return foreign.has(entry.name) ? [] : readmesOf(root, path)
    return entry.name === 'README.md' ? [relative(root, path)] : []
  })
}

/** A text without its fenced blocks: what a link or a heading there looks like is none. */
export function prose(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```$/gm, '')
}

/** What a reader may type: lines of its blocks for a shell, and code within its sentences. */
export function shellLines(text: string): string[] {
  const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) =>
    block.replaceAll('\\\n', '').trimEnd().split('\n'),
  )
  return [...blocks, ...[...prose(text).matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)]
}

export interface Link {
  /** Empty for a link within the page. */
  path: string
  anchor: string | undefined
}

/** Its links and pictures, but for those that lead out of the project. */
export function linksOf(text: string): Link[] {
  return [...prose(text).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].map(
    ([, path = '', anchor]) => ({ path, anchor }),
  )
}

/** What its headings are called in a URL, as GitHub does it. */
export function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of prose(text).matchAll(/^#+ (.+)$/gm)) {
    const words = heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    const slug = words.replaceAll(' ', '-')
    for (let count = 0; ; count += 1) {
      const anchor = count === 0 ? slug : `${slug}-${count}`
      if (anchors.has(anchor)) continue
      anchors.add(anchor)
      break
    }
  }
  return anchors
}
