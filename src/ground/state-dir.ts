import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

/** A folder in the state directory, made if need be; both are for this user alone. */
export function stateFolder(stateDir: string, name: string): string {
  const folder = join(stateDir, name)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return folder
}
