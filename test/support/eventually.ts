import { setTimeout as sleep } from 'node:timers/promises'

import { longEnoughMs } from './patience.ts'

export interface EventuallyOptions {
  /** How long to go on trying. Default: long enough; a test of this alone has less. */
  withinMs?: number
  /** Pause between two tries. Default 20. */
  everyMs?: number
}

/**
 * Calls `fn` until it stops throwing, and gives what it returned.
 *
 * @throws what `fn` threw last, with the time spent in the message.
 */
export async function eventually<T>(
  fn: () => Promise<T> | T,
  { withinMs = longEnoughMs, everyMs = 20 }: EventuallyOptions = {},
): Promise<T> {
  const startedMs = performance.now()
  for (;;) {
    try {
      return await fn()
    } catch (error) {
      if (performance.now() - startedMs + everyMs > withinMs) throw tooLate(error, withinMs)
    }
    await sleep(everyMs)
  }
}

function tooLate(error: unknown, withinMs: number): unknown {
  if (error instanceof Error) error.message += `\n(still so after ${withinMs} ms)`
  return error
}
