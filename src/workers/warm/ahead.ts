import type { Clock, Timer } from '../../ground/clock.ts'
import { guarded, tellFault } from '../../ground/guarded.ts'
import type { LocalSpec, Outlives, Worker } from '../driver.ts'
import { checkRoomForWorker } from '../no-room.ts'
import type { Supervisor } from '../supervisor.ts'

/** What somebody will be known by, with the worker that is started for them. */
export interface WarmSpec {
  id: string
  spec: LocalSpec
}

/** One worker that was started ahead, until it is claimed or ended. */
export interface Ahead extends WarmSpec {
  readonly sinceMs: number
  /** `taken`: somebody is about to claim it. */
  state: 'starting' | 'ready' | 'taken'
  /** Settles when it can be reached, or when nothing of it is left. */
  readonly started: Promise<Worker>
  worker: Worker | undefined
  hasExited: boolean
  /** Called when it is too old. */
  expiry: Timer | undefined
  /** Gives its turn to start to others. Idempotent. */
  endTurn(served: boolean): void
  /**
   * Makes it somebody's.
   *
   * @returns undefined when it has ended meanwhile: then nothing of it is left
   * @throws what starting it throws, the reason of `signal` among that
   */
  claim(outlives: Outlives | undefined, signal: AbortSignal): Promise<Worker | undefined>
  /** Ends it, and clears away what it had. */
  clear(): Promise<void>
}

export interface AheadOptions extends WarmSpec {
  clock: Clock
  supervisor: Supervisor
  driver: string
  graceMs: number
  endTurn(served: boolean): void
  /** Clears away the folders of one that nobody had. */
  forget(spec: LocalSpec): Promise<void>
}

export function startAhead(options: AheadOptions): Ahead {
  const { id, spec, clock, supervisor, endTurn, forget } = options
  const calledOff = new AbortController()
  const start = async (): Promise<Worker> => {
    checkRoomForWorker()
    ahead.worker = await supervisor.start(options.driver, spec, calledOff.signal)
    return ahead.worker
  }
  const clear = async (graceMs: number): Promise<void> => {
    calledOff.abort(new Error('it is not wanted any more'))
    endTurn(false)
    ahead.expiry?.cancel()
    try {
      const worker = await ahead.started.catch(() => undefined)
      await worker?.stop({ graceMs })
    } finally {
      await forget(spec)
    }
  }
  const ahead: Ahead = {
    id,
    spec,
    sinceMs: clock.now(),
    state: 'starting',
    // Not at once: it refers to what is made here.
    started: Promise.resolve().then(start),
    worker: undefined,
    hasExited: false,
    expiry: undefined,
    endTurn,
    async claim(outlives, signal) {
      const abort = guarded(() => calledOff.abort(signal.reason), tellFault('a warm worker'))
      signal.addEventListener('abort', abort, { once: true })
      if (signal.aborted) abort()
      try {
        const worker = await ahead.started
        if (await worker.claim(outlives)) return worker
      } finally {
        signal.removeEventListener('abort', abort)
      }
      await clear(0)
      return undefined
    },
    clear: () => clear(options.graceMs),
  }
  return ahead
}
