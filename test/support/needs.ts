import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { cacheDirOf, readStamp } from '../needs/cache.ts'
import { knownMissing, preparedFile } from '../needs/prepare.ts'
import { needs } from '../needs/table.ts'
import type { NeedName } from '../needs/table.ts'
import { needReason } from '../run/tally.ts'

/**
 * The path of something that `test/needs/table.ts` lists. Where it is missing the test is skipped
 * with the reason (with CI=true it fails), and must return:
 *
 *     const python = need(t, 'fastmcp3')
 *     if (python === undefined) return
 */
export function need(t: TestContext, name: NeedName): string | undefined {
  const { path, reason } = lookUp(name)
  if (path !== undefined) return path
  const message = needReason(name, reason)
  if (process.env['CI'] === 'true') throw new Error(message)
  t.skip(message)
  return undefined
}

/** The same for a whole file: the path, or the reason why everything in it is skipped. */
export function needed(name: NeedName): { path: string; skip: false } | { skip: string } {
  const { path, reason } = lookUp(name)
  return path === undefined ? { skip: needReason(name, reason) } : { path, skip: false }
}

function lookUp(name: NeedName): { path: string | undefined; reason: string } {
  const variable = needs.find((entry) => entry.name === name)?.variable ?? ''
  const path = process.env[variable] || undefined
  const missing = knownMissing(process.env)[name]
  if (path !== undefined || missing !== undefined) return { path, reason: missing?.reason ?? '' }

  // A test file that was started without the runner.
  const cacheDir = cacheDirOf(join(import.meta.dirname, '..', '..', '..'), process.env)
  const paths = readStamp(preparedFile(cacheDir)) as Record<string, string> | undefined
  const prepared = paths?.[name]
  const usable = prepared !== undefined && existsSync(prepared) ? prepared : undefined
  return { path: usable, reason: 'not prepared; npm run unit does that' }
}
