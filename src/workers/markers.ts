import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

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
  /** Undefined for a file that is missing or half written: both mean that nothing is known. */
  read(workerId: string): Marker | undefined
  remove(workerId: string): void
  all(): Marker[]
}

export function createMarkers(folder: string): Markers {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const fileOf = (workerId: string): string => join(folder, `${workerId}.json`)
  return {
    write(marker) {
      writeFileSync(fileOf(marker.handle.workerId), JSON.stringify(marker), { mode: 0o600 })
    },
    read: (workerId) => readJson(fileOf(workerId)) as Marker | undefined,
    remove: (workerId) => rmSync(fileOf(workerId), { force: true }),
    all: () =>
      readdirSync(folder).flatMap((name) => {
        const marker = readJson(join(folder, name)) as Marker | undefined
        return marker === undefined ? [] : [marker]
      }),
  }
}

/** Undefined for a file that is missing or half written. */
export function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}
