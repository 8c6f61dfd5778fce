import { messageOf } from '../../errors.ts'
import type { LoadPlan } from './plan.ts'
import type { LoadResult, Snapshot } from './run.ts'
import { runLoad } from './run.ts'

/** What a process of the driver is told, and what it tells. */
export type ToDriver = { kind: 'begin'; plan: LoadPlan } | { kind: 'stop' }
export type FromDriver =
  | { kind: 'snapshot'; snapshot: Snapshot }
  | { kind: 'result'; result: LoadResult }
  | { kind: 'failed'; message: string }

const stopping = new AbortController()
const tell = (message: FromDriver): Promise<void> =>
  new Promise((resolve) => process.send?.(message, undefined, undefined, () => resolve()))

process.on('message', (message: ToDriver) => {
  if (message.kind === 'stop') stopping.abort()
  else void begin(message.plan)
})
// Whoever started it is gone.
process.on('disconnect', () => process.exit(1))
// Ctrl-C reaches every process of the terminal; this one waits to be told.
process.on('SIGINT', () => undefined)

async function begin(plan: LoadPlan): Promise<void> {
  try {
    const result = await runLoad(plan, {
      signal: stopping.signal,
      onSnapshot: (snapshot) => void tell({ kind: 'snapshot', snapshot }),
    })
    await tell({ kind: 'result', result })
  } catch (error) {
    await tell({ kind: 'failed', message: messageOf(error) })
  }
  process.exit(0)
}
