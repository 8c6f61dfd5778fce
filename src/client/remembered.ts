import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { z } from 'zod'

import { removeFile } from '../ground/removal.ts'
import type { Agreed } from './connect.ts'

/**
 * What sessions that were kept have agreed on with their servers, so that a later command can go
 * on with one when all it is given is the id. The ids themselves, which open the door, are not in
 * it. Nothing is thrown: a session that is not remembered can be gone on with, too.
 */
export interface Remembered {
  keep(url: URL, sessionId: string, agreed: Agreed): void
  recall(url: URL, sessionId: string): Agreed | undefined
  forget(url: URL, sessionId: string): void
}

const mostKept = 200

const agreedSchema = z.object({
  protocolVersion: z.string(),
  capabilities: z.record(z.string(), z.record(z.string(), z.unknown())),
  server: z.object({ name: z.string(), version: z.string(), title: z.string().optional() }),
})

/** @param folder is made when it is needed. */
export function createRemembered(folder: string): Remembered {
  const fileOf = (url: URL, sessionId: string): string => {
    const name = createHash('sha256').update(`${url.href}\n${sessionId}`).digest('hex')
    return join(folder, `${name}.json`)
  }

  return {
    keep(url, sessionId, agreed) {
      try {
        mkdirSync(folder, { recursive: true, mode: 0o700 })
        const file = fileOf(url, sessionId)
        writeFileSync(`${file}.new`, JSON.stringify(agreed), { mode: 0o600 })
        renameSync(`${file}.new`, file)
        dropOldest(folder)
      } catch {
        // A disk that is full or read-only.
      }
    },
    recall(url, sessionId) {
      try {
        const text = readFileSync(fileOf(url, sessionId), 'utf8')
        return agreedSchema.parse(JSON.parse(text))
      } catch {
        return undefined
      }
    },
    forget: (url, sessionId) => remove(fileOf(url, sessionId)),
  }
}

function dropOldest(folder: string): void {
  const names = readdirSync(folder)
  if (names.length <= mostKept) return
  const byAge = names
    .map((name) => ({ file: join(folder, name), atMs: changedAtMs(join(folder, name)) }))
    .sort((a, b) => a.atMs - b.atMs)
  for (const { file } of byAge.slice(0, names.length - mostKept)) remove(file)
}

function changedAtMs(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

function remove(file: string): void {
  try {
    removeFile(file)
  } catch {
    // Not ours to remove; it is of no harm.
  }
}
