import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What can end something with a test: a test's context, or node:test itself for a whole file. */
export interface Owner {
  after(fn: () => Promise<void> | void): void
}

const remaining = new Set<string>()

/**
 * An empty folder that is gone after the test. Its path is short enough for unix sockets below it
 * (104 bytes at most, on macOS).
 *
 * It goes last, whatever else the test registers: node runs `t.after` hooks in the order in which
 * they were registered, and a server must not lose its folder before it was stopped.
 */
export function tempDir(t: Owner): string {
  const folder = mkdtempSync(join(tmpdir(), 't-'))
  remaining.add(folder)
  t.after(() => {
    t.after(() => remove(folder))
  })
  return folder
}

function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
  remaining.delete(folder)
}

process.once('exit', () => {
  for (const folder of remaining) remove(folder)
})
