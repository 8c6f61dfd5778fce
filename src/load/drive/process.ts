import { messageOf } from '../../ground/errors.ts'
import type { LoadPlan } from './plan.ts'
import type { LoadResult, Snapshot } from './run.ts'
import { runLoad } from './run.ts'

/** What a process of the driver is told, and what it tells. */
export type ToDriver = { kind: 'begin'; plan: LoadPlan } | { kind: 'go' } | { kind: 'stop' }
export type FromDriver =
  | { kind: 'snapshot'; snapshot: Snapshot }
  /** Its sessions are open, and it waits to be told to go on. */
  | { kind: 'opened' }
  | { kind: 'result'; result: LoadResult }
  | { kind: 'failed'; message: string }

const stopping = new AbortController()
let go: () => void = () => undefined
const told = new Promise<void>((resolve) => (go = resolve))
const tell = (message: FromDriver): Promise<void> =>
  new Promise((resolve) => process.send?.(message, undefined, undefined, () => resolve()))

process.on('message', (message: ToDriver) => {
  if (message.kind === 'stop') stopping.abort()
  else if (message.kind === 'go') go()
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
      async onOpened() {
        await tell({ kind: 'opened' })
        await told
      },
    })
    await tell({ kind: 'result', result })
  } catch (error) {
    await tell({ kind: 'failed', message: messageOf(error) })
  }
  process.exit(0)
}
