import type { Clock } from '../../ground/clock.ts'
import type { Worker } from '../driver.ts'

const everyMs = 100
/** A tenth of a core: what it does besides has nothing to do with its start. */
const restingCpuMs = 10
/** What has not come to rest by then never does. */
const longestMs = 5000

/**
 * Waits until a worker that was just started has come to rest: it has imported what it needs, and the
 * next one may have the processor.
 */
export async function atRest(worker: Worker, clock: Clock, calmMs: number): Promise<void> {
  const beganAtMs = clock.now()
  const gone = worker.exited.then(() => 'gone')
  let calmSinceMs = beganAtMs
  let usedMs = -Infinity
  while (clock.now() - beganAtMs < longestMs) {
    const { cpuMs } = await worker.usage()
    if (cpuMs === undefined) return
    if (cpuMs - usedMs > restingCpuMs) calmSinceMs = clock.now()
    usedMs = cpuMs
    if (clock.now() - calmSinceMs >= calmMs) return
    const pause = new Promise<void>((resolve) => clock.after(everyMs, resolve))
    if ((await Promise.race([gone, pause])) === 'gone') return
  }
}
