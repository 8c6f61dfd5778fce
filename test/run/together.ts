import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

import type { TestFile } from './files.ts'

const all = Number.MAX_SAFE_INTEGER

/**
 * Folders whose files share processes, and how many files share one. They run one after the other:
 * what they test takes less time than it takes a process to load it. Nothing in them may change
 * what belongs to the process for longer than a test.
 */
const shared: readonly (readonly [folder: string, files: number])[] = [
  ['chaos', 1],
  ['proxy', all],
  ['sessions', all],
  ['demo', all],
  ['client', all],
  ['telemetry', all],
  ['agentcore', all],
  ['cli', 6],
  ['e2e', 5],
  ['keeper', all],
  ['workers/doctor', all],
  ['workers', 8],
  ['load', 4],
  ['needs', 6],
  ['auth', all],
  ['admin', all],
  ['config', all],
  ['ground', all],
  ['protocols', all],
]

/** The same files, but those of such folders together. Long ones come first. */
export function putTogether(files: readonly TestFile[]): TestFile[] {
  const left = new Set(files)
  const groups = shared.flatMap(([folder, size]) => {
    const found = [...left].filter(({ name, alone }) => !alone && name.startsWith(`${folder}/`))
    for (const file of found) left.delete(file)
    return inParts(found, size).map((part, at) =>
      asOne(`${folder.replaceAll('/', '-')}-${at}`, part),
    )
  })
  return [...groups, ...left]
}

function inParts<T>(whole: readonly T[], size: number): T[][] {
  const count = Math.ceil(whole.length / size)
  return Array.from({ length: count }, (_, part) => whole.filter((_, at) => at % count === part))
}

function asOne(name: string, files: readonly TestFile[]): TestFile {
  const [first] = files
  if (first === undefined) throw new Error(`nothing is in ${name}`)
  if (files.length === 1) return first
  const output = first.compiled.slice(0, -first.name.length)
  const compiled = join(output, `${name}.together.js`)
  const imports = files.map((file) => `import '${pathToFileURL(file.compiled).href}'\n`)
  writeFileSync(compiled, imports.join(''))
  return { name: files.map((file) => file.name).join(' '), compiled, alone: false }
}
