import { accessSync, constants, existsSync } from 'node:fs'
import { constants as system } from 'node:os'
import { delimiter, join } from 'node:path'

import type { KeeperSpec } from './protocol.ts'

/** Why a command could not be started, in words. The system's own say less than is known. */
export function whySpawnFailed(
  { code, errno, message }: NodeJS.ErrnoException,
  { command, cwd, env }: Pick<KeeperSpec, 'command' | 'cwd' | 'env'>,
): string {
  if (!isEnterable(cwd)) return `the working directory ${cwd} is missing or may not be entered`
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return command.includes('/')
      ? 'there is no such file, or its #! line names a program that is missing'
      : 'it is not in PATH'
  }
  if (code === 'EACCES') {
    // A folder of PATH that may not be entered ends in the same.
    const places = (env.PATH ?? '').split(delimiter).map((folder) => join(folder, command))
    return command.includes('/') || places.some((place) => existsSync(place))
      ? 'it may not be executed (chmod +x)'
      : 'it is not in PATH'
  }
  if (code === 'E2BIG') return 'its arguments and environment are too long'
  // libuv has no name for it.
  if (errno === -system.errno.ENOEXEC) return 'it is no program for this machine'
  return code ?? message
}

function isEnterable(folder: string): boolean {
  try {
    // The slash makes a mere file fail.
    accessSync(`${folder}/`, constants.X_OK)
    return true
  } catch {
    return false
  }
}
