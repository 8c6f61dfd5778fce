import { mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'

import { readOwnFile } from '../ground/own-files.ts'
import { removeFile } from '../ground/removal.ts'
import type { WorkerMarker } from './driver.ts'

/** A marker as it stands in its file: with all that is needed to reach the keeper again. */
export interface Marker extends WorkerMarker {
  /** Secret: the file has mode 0600. */
  nonce: string
  /** The worker's own folder. */
  directory: string
}

/** The files that tell of running workers, one each, so that a later gateway finds them. */
export interface Markers {
  write(marker: Marker): void
  /**
   * Undefined for a file that is missing, half written or of another worker: each means that
   * nothing is known.
   */
  read(workerId: string): Marker | undefined
  remove(workerId: string): void
  all(): Marker[]
}

export function createMarkers(folder: string): Markers {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const fileOf = (workerId: string): string => join(folder, `${basename(workerId)}${ending}`)
  const nextOf = (file: string): string => `${file}${next}`
  const readFile = (file: string): Marker | undefined => {
    const found = readJson(file)
    return isMarker(found) && fileOf(found.handle.workerId) === file ? found : undefined
  }

  return {
    write(marker) {
      const file = fileOf(marker.handle.workerId)
      const text = JSON.stringify(marker)
      // In one step: another gateway may be reading it.
      writeFileSync(nextOf(file), text, { mode: 0o600 })
      renameSync(nextOf(file), file)
    },
    read: (workerId) => readFile(fileOf(workerId)),
    remove(workerId) {
      const file = fileOf(workerId)
      for (const each of [nextOf(file), file]) removeFile(each)
    },
    all() {
      const names = readdirSync(folder)
      for (const name of names.filter((each) => each.endsWith(next))) removeOld(join(folder, name))
      return names
        .filter((name) => name.endsWith(ending))
        .map((name) => readFile(join(folder, name)))
        .filter((marker) => marker !== undefined)
    },
  }
}

const ending = '.json'
const next = '.next'

/** It takes a moment to write a marker. */
const writingMs = 10_000

/** Whoever wrote it was killed meanwhile. */
function removeOld(file: string): void {
  const { mtimeMs } = statSync(file, { throwIfNoEntry: false }) ?? { mtimeMs: Infinity }
  if (Date.now() - mtimeMs > writingMs) removeFile(file)
}

/** Whoever may write here may have written anything. */
function isMarker(found: unknown): found is Marker {
  if (typeof found !== 'object' || found === null) return false
  const { handle, owner, nonce, directory } = found as Partial<Marker>
  return (
    typeof handle?.workerId === 'string' &&
    typeof handle.driver === 'string' &&
    typeof owner?.pid === 'number' &&
    typeof nonce === 'string' &&
    typeof directory === 'string'
  )
}

/** Undefined for a file that is missing or half written. */
export function readJson(file: string): unknown {
  try {
    return JSON.parse(readOwnFile(file))
  } catch {
    return undefined
  }
}
