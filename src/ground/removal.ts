import { rmSync } from 'node:fs'

/**
 * The door for removing what Berth itself has made; what sessions leave behind goes through
 * `sessions/folders/trash.ts`. Lint forbids the functions of `node:fs` for it elsewhere: on a disk that is
 * full, read-only or failing they throw, and who tidies up has nobody to throw at.
 */

/** Of a file that does no harm when it stays: it is found and removed by whoever comes next. */
export function removeFile(file: string): void {
  try {
    rmSync(file, { force: true })
  } catch {
    // It stays.
  }
}

/** Of a small folder of our own, in which nobody else has written. */
export function removeFolder(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  } catch {
    // It stays, in a folder for temporary files.
  }
}

/**
 * Of what somebody has asked to be removed.
 *
 * @throws the error of the system, for who has asked
 */
export function mustRemove(path: string): void {
  rmSync(path, { recursive: true, force: true })
}
