import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'

import { decodeText } from '../ground/text.ts'

/** `~` and `~/x` as a shell would have it. */
export function expandHome(text: string, homeDir: string): string {
  return text === '~' || text.startsWith('~/') ? path.join(homeDir, text.slice(1)) : text
}

export function isFolder(name: string): boolean {
  try {
    return statSync(name).isDirectory()
  } catch {
    return false // not there, or not to be seen by us: a worker could not work in it either
  }
}

/** The base directory specification says that a relative path in these variables is ignored. */
export function defaultStateDir(stateHome: string | undefined, homeDir: string): string {
  const parent =
    stateHome !== undefined && path.isAbsolute(stateHome)
      ? stateHome
      : path.join(homeDir, '.local', 'state')
  return path.join(parent, 'berth')
}

/**
 * Reads the file of a `${file:PATH}`, without the space around its text.
 *
 * @param files takes the path of each
 */
export function textReader({
  base,
  homeDir,
  files,
}: {
  base: string
  homeDir: string
  files?: Set<string>
}): (name: string, fail: (why: string) => void) => string | undefined {
  return (name, fail) => {
    const file = path.resolve(base, expandHome(name, homeDir))
    files?.add(file)
    try {
      return decodeText(readFileSync(file)).trim()
    } catch (error) {
      fail(`${name} cannot be read (${codeOf(error)}), seen from ${base}.`)
      return undefined
    }
  }
}

/** Instead of the text of such an error, which has the whole path. */
export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason'
