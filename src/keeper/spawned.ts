import type { Readable, Writable } from 'node:stream'

import type { Tree } from '../ground/process-tree.ts'
import type { HouseInit } from './protocol.ts'

/** A server's process, however it was started. What is told is told once, and never at once. */
export interface Spawned {
  /** What is to be ended with it. */
  readonly tree: Tree
  /** Leads its process group, or is the wrapper around what does; undefined when it is not known. */
  leader(): number | undefined
  /** The first process of a PID namespace of its own, when it has begun. */
  init(): HouseInit | undefined
  /** Processor time of those of its processes that have ended. */
  reaped(): number
  /** It runs. */
  onSpawn(fn: () => void): void
  /** Once, as soon as it has streams; that may be at once. */
  onStreams(fn: (streams: Streams) => void): void
  /** It could not be started. */
  onError(fn: (error: NodeJS.ErrnoException) => void): void
  /** It has ended; something of its tree may live and write on. */
  onExit(fn: (code: number | null, signal: string | null) => void): void
  /** All that was written has been read, too. */
  onClose(fn: () => void): void
  /** What stands around it may end: nothing of its tree is left. */
  letGo(): void
}

export interface Streams {
  stdin: Writable | null
  stdout: Readable | null
  stderr: Readable | null
}

/** What a server has started as a wrapper belongs to its group. */
export function signalGroup(leader: number | undefined, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (leader === undefined) return
  try {
    process.kill(-leader, signal)
  } catch {
    // The group is gone.
  }
}
