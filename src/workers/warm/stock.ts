import type { Clock } from '../../ground/clock.ts'
import { messageOf } from '../../ground/errors.ts'
import type { Events, WarmReason } from '../../ground/events.ts'
import { guarded, inBackground, tellFault } from '../../ground/guarded.ts'
import { spoken } from '../../ground/spoken.ts'
import type { LocalSpec, Outlives, Worker } from '../driver.ts'
import { shownPid } from '../driver.ts'
import { asNoRoom } from '../no-room.ts'
import type { Supervisor } from '../supervisor.ts'
import type { Ahead, WarmSpec } from './ahead.ts'
import { startAhead } from './ahead.ts'
import { createDemand } from './demand.ts'
import type { WarmWish } from './options.ts'
import { atRest } from './rest.ts'
import { createTrouble } from './trouble.ts'

/** The warm workers of one server. */
export interface Stock {
  readonly server: WarmServer
  /** So many there should be, if there is room. */
  wanted(): number
  /** See `WarmPool.take`. */
  take(): WarmWorker | undefined
  /** Ends what is more than that: the oldest first, and those that nobody can have yet before them. */
  shrink(target: number): void
  /** Starts one if there are fewer; the next one follows when this one has had its turn. */
  fill(target: number): void
  retire(reason: WarmReason): void
  view(wanted: number): WarmStock
}

/** One that was taken, and is nobody's yet. */
export interface WarmWorker {
  /** What it has been given as the name of its session. */
  readonly id: string
  readonly workerId: string
  /** Its turn to start, which may still go on. */
  endTurn(served: boolean): void
  /** See `Ahead.claim`. */
  claim(outlives: Outlives | undefined, signal: AbortSignal): Promise<Worker | undefined>
  giveBack(): void
}

/** What there is of one server. */
export interface WarmStock extends WarmWish {
  server: string
  /** So many there should be now. */
  wanted: number
  /** Sessions that found one, and that found none, since the start. */
  hits: number
  misses: number
  /** Until when none is started, because the last ones came to nothing. */
  pausedUntilMs: number | undefined
  workers: WarmView[]
}

export interface WarmView {
  session: string
  workerId: string
  pid: number | undefined
  state: string
  sinceMs: number
}

export interface WarmServer {
  name: string
  driver: string
  graceMs: number
  warm: WarmWish
}

/** What the stocks of all servers have from their pool. */
export interface StockOptions {
  clock: Clock
  events: Events
  supervisor: Supervisor
  /** What the next one of a server is started with; its folders are there. */
  specFor(server: string): WarmSpec
  /** Waits until a start holds nobody up who waits for a session. */
  turn(server: string, signal: AbortSignal): Promise<(served: boolean) => void>
  /** Clears away the folders of one that nobody had. */
  forget(spec: LocalSpec): Promise<void>
  isOpen(): boolean
  /** Whether a start is still wanted when its turn has come. */
  isLacking(stock: Stock, count: number): boolean
  /** Sees that there are as many of each as there should be. */
  review(): void
  /** Takes the work of ending one, for who waits until all are gone. */
  note(work: Promise<void>): void
}

/** Not all of them are too old at the same moment. */
const ageSpread = 0.2
/** The first of a server fills the cache of npx or uvx, and a download looks like rest. */
const restMs = { first: 2000, later: 200 }
/** What has waited for so long was well. */
const wellMs = 5 * 60_000

export function createStock(server: WarmServer, options: StockOptions): Stock {
  const { clock, events, isOpen, review } = options
  const { name, driver, graceMs, warm } = server
  const onFault = tellFault('keeping workers warm', { server: name })
  const demand = createDemand(warm)
  const trouble = createTrouble()
  /** Those that wait, and those that are being started. */
  const all: Ahead[] = []
  /** One more waits for its turn. */
  let waiting: AbortController | undefined
  let hits = 0
  let misses = 0
  let hasRested = false

  const newsOf = ({ spec: { session, workerId } }: Ahead) => ({
    session,
    workerId,
    server: name,
    driver,
  })

  async function startOne(): Promise<void> {
    const own = new AbortController()
    waiting = own
    let endTurn: (served: boolean) => void
    try {
      endTurn = await options.turn(name, own.signal)
    } catch {
      return // It is not wanted any more.
    } finally {
      waiting = undefined
    }
    if (!options.isLacking(stock, all.length)) {
      endTurn(false)
      return
    }
    let ahead: Ahead
    try {
      ahead = startAhead({ ...options, ...options.specFor(name), driver, graceMs, endTurn })
    } catch (thrown) {
      endTurn(false)
      failed(thrown)
      return
    }
    all.push(ahead)
    // Others may start beside it.
    review()
    await see(ahead)
  }

  /** From its start until it waits. */
  async function see(ahead: Ahead): Promise<void> {
    let worker: Worker
    try {
      worker = await ahead.started
    } catch (thrown) {
      ahead.endTurn(false)
      // Whoever has taken it hears of it; and what was called off did not fail.
      if (!leave(ahead)) return
      await ahead.clear()
      failed(thrown)
      return
    }
    if (ahead.state === 'starting') ahead.state = 'ready'
    events.emit('warm.started', { ...newsOf(ahead), startMs: clock.now() - ahead.sinceMs })
    const ended = worker.exited.then(async ({ how }) => {
      ahead.hasExited = true
      if (leave(ahead)) await exited(ahead, how)
    })
    inBackground(ended, onFault)
    expire(ahead)
    await atRest(worker, clock, hasRested ? restMs.later : restMs.first)
    if (all.includes(ahead)) {
      hasRested = true
      demand.took(clock.now() - ahead.sinceMs)
    }
    ahead.endTurn(true)
    review()
  }

  async function exited(ahead: Ahead, how: string): Promise<void> {
    events.emit('warm.retired', { ...newsOf(ahead), reason: 'exited' })
    if (clock.now() - ahead.sinceMs > wellMs) trouble.over()
    await ahead.clear()
    failed(new Error(`one ended before it had a session (${how}).`))
  }

  function failed(thrown: unknown): void {
    if (!isOpen()) return
    const why = messageOf(asNoRoom(thrown))
    const { retryMs, isNews } = trouble.add(clock.now())
    events.emit('warm.failed', { server: name, why, retryMs })
    clock.after(retryMs, review)
    if (!isNews) return
    const message = `No worker of ${name} is kept warm: ${why} It is tried again in ${spoken(retryMs)}, and then ever more rarely; until one stays, each session starts its own.`
    events.emit('operator.warned', { server: name, message })
  }

  function expire(ahead: Ahead): void {
    const mostMs = warm.maxAgeMs * (1 - ageSpread * Math.random())
    const leftMs = mostMs - (clock.now() - ahead.sinceMs)
    ahead.expiry = clock.after(Math.max(leftMs, 1), () => {
      if (ahead.state !== 'ready') return
      end(ahead, 'age')
      review()
    })
  }

  /** @returns false for one that was not among those that wait */
  function leave(ahead: Ahead): boolean {
    const at = all.indexOf(ahead)
    if (at !== -1) all.splice(at, 1)
    return at !== -1
  }

  function end(ahead: Ahead, reason: WarmReason): void {
    leave(ahead)
    if (ahead.worker !== undefined) events.emit('warm.retired', { ...newsOf(ahead), reason })
    options.note(ahead.clear().catch(onFault))
  }

  function missed(): void {
    misses += 1
    events.emit('warm.missed', { server: name })
  }

  const taken = (ahead: Ahead): WarmWorker => ({
    id: ahead.id,
    workerId: ahead.spec.workerId,
    endTurn: (served) => ahead.endTurn(served),
    async claim(outlives, signal) {
      const worker = await ahead.claim(outlives, signal)
      if (worker === undefined) {
        events.emit('warm.retired', { ...newsOf(ahead), reason: 'exited' })
        missed()
        return undefined
      }
      hits += 1
      trouble.over()
      events.emit('warm.claimed', { ...newsOf(ahead), waitedMs: clock.now() - ahead.sinceMs })
      return worker
    },
    giveBack: guarded(() => {
      if (!isOpen() || ahead.hasExited) {
        end(ahead, ahead.hasExited ? 'exited' : 'drained')
        return
      }
      ahead.state = ahead.worker === undefined ? 'starting' : 'ready'
      all.unshift(ahead)
      if (ahead.worker !== undefined) expire(ahead)
    }, onFault),
  })

  const stock: Stock = {
    server,
    wanted: () => demand.wanted(clock.now()),

    take() {
      demand.ask(clock.now())
      const ahead = all.find(({ state }) => state === 'ready') ?? all[0]
      if (ahead === undefined) {
        missed()
        return undefined
      }
      leave(ahead)
      ahead.state = 'taken'
      ahead.expiry?.cancel()
      return taken(ahead)
    },

    shrink(target) {
      if (all.length >= target) waiting?.abort(new Error('it is not wanted any more'))
      const order = [
        ...all.filter(({ state }) => state === 'starting'),
        ...all.filter(({ state }) => state === 'ready'),
      ]
      for (const ahead of order.slice(0, Math.max(0, all.length - target))) end(ahead, 'not-needed')
    },

    fill(target) {
      if (all.length >= target || waiting !== undefined || clock.now() < trouble.untilMs) return
      inBackground(startOne(), onFault)
    },

    retire(reason) {
      waiting?.abort(new Error('it is not wanted any more'))
      for (const ahead of [...all]) end(ahead, reason)
    },

    view: (wanted) => ({
      ...warm,
      server: name,
      wanted,
      hits,
      misses,
      pausedUntilMs: trouble.untilMs > clock.now() ? trouble.untilMs : undefined,
      workers: all.map(({ spec, worker, state, sinceMs }) => ({
        session: spec.session,
        workerId: spec.workerId,
        pid: worker === undefined ? undefined : shownPid(worker.handle),
        state,
        sinceMs,
      })),
    }),
  }
  return stock
}
