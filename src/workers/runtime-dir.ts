import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { GatewayError } from '../ground/errors.ts'

/** A unix socket's path may have so many bytes, with a margin for its own name. */
const maxBytes = 104 - '/123456789abc.sock'.length - 1

/**
 * The folder for the keepers' sockets: in the state directory, or, where that makes paths too
 * long, one in the temporary directory that is named after it.
 */
export function prepareRuntimeDir(stateDir: string): string {
  const inState = join(stateDir, 'run')
  const user = process.getuid?.() ?? 0
  const name = createHash('sha256').update(stateDir).digest('hex').slice(0, 8)
  const path =
    Buffer.byteLength(inState) <= maxBytes ? inState : join(tmpdir(), `berth-${user}-${name}`)
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const found = lstatSync(path)
  // In a temporary directory anybody may have made it first.
  const isOurs = found.isDirectory() && found.uid === user && (found.mode & 0o077) === 0
  if (isOurs) return path
  throw new GatewayError('ERR_CONFIG_INVALID', {
    params: {
      problems: `stateDir: ${path} is not a folder of yours alone (mode 0700). Remove it, or set a shorter stateDir.`,
    },
  })
}
