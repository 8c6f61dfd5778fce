import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { constants as system } from 'node:os'
import { delimiter, join, resolve } from 'node:path'

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

/** What starting the server behind a wrapper would fail of, as far as that can be told before. */
export function problemOfWrapped({ wrapped, env }: KeeperSpec): NodeJS.ErrnoException | undefined {
  if (wrapped === null) return undefined
  const { command, cwd } = wrapped
  const problem = (code: string): NodeJS.ErrnoException => Object.assign(new Error(code), { code })
  if (!isEnterable(cwd)) return problem('ENOENT')
  const places = command.includes('/')
    ? [resolve(cwd, command)]
    : (env.PATH ?? '').split(delimiter).map((folder) => join(folder, command))
  const found = places.filter((place) => existsSync(place))
  if (found.length === 0) return problem('ENOENT')
  return found.some(isExecutable) ? undefined : problem('EACCES')
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}
