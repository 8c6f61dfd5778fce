import { Worker } from 'node:worker_threads'

import type { RedisStoreConfig } from '../../options.ts'
import type { Life } from '../../store.ts'
import type { Script } from './scripts.ts'

/**
 * Signs of life from a thread of their own, over a connection of its own: a gateway whose event loop
 * is busy with one thing is not gone, and neither is its host. One that stays so is: after a while
 * without a sign from the loop the thread is silent, too.
 */
export interface Pulse {
  /** The event loop runs. */
  beat(): void
  /** Settles when nothing more is told. */
  stop(): Promise<void>
}

export interface PulseTask {
  config: RedisStoreConfig
  script: Script
  keys: string[]
  args: string[]
  everyMs: number
  /** Counts what the event loop says. */
  beats: SharedArrayBuffer
  /** So many times it tells though the loop has said nothing. */
  patience: number
}

/** Five minutes with the usual times: whatever takes longer will hardly end. */
const patience = 60

export function startPulse(
  { host, owner }: Life,
  task: Omit<PulseTask, 'args' | 'beats' | 'patience'> & { base: string },
): Pulse {
  const beats = new SharedArrayBuffer(4)
  const { base, ...rest } = task
  const workerData: PulseTask = { ...rest, args: [base, host, owner], beats, patience }
  const thread = new Worker(new URL('./pulse-thread.js', import.meta.url), { workerData })
  // Without it the event loop gives its signs of life itself, as it does anyway.
  thread.on('error', () => undefined)
  thread.unref()
  return {
    beat: () => void Atomics.add(new Int32Array(beats), 0, 1),
    stop: () => thread.terminate().then(() => undefined),
  }
}
