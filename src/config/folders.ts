import { statSync } from 'node:fs'
import path from 'node:path'

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
