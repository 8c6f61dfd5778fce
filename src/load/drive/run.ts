import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

import type { Fault } from '../chaos/fault.ts'
import { createChaos } from '../chaos/chaos.ts'
import type { Session } from '../client/session.ts'
import { createSession } from '../client/session.ts'
import { createWire } from '../client/wire.ts'
import { createCanaries } from '../search/canaries.ts'
import { createSearch } from '../search/search.ts'
import type { EvidenceReport } from './evidence.ts'
import { createEvidence } from './evidence.ts'
import type { Lane } from './lane.ts'
import { createLane } from './lane.ts'
import type { MeasureReport } from './measure.ts'
import { createMeasure } from './measure.ts'
import type { LoadPlan, User } from './plan.ts'
import { profileOf } from './profiles.ts'
import { createTrespass } from './trespass.ts'

/** What one process found out; JSON. */
export interface LoadResult {
  evidence: EvidenceReport
  measure: MeasureReport
  faults: Fault[]
  /** Sessions that were to be open at once, and how many of them never were. */
  wanted: number
  unopened: number
  openingMs: number
  loadMs: number
  /** Answered in that time. */
  loadExchanges: number
  isStopped: boolean
  /** Of this process. */
  cpuMs: number
  rssBytes: number
}

export interface Snapshot {
  phase: 'opening' | 'load' | 'finishing' | 'closing'
  open: number
  exchanges: number
  failures: number
  leaks: number
  elapsedMs: number
}

export interface RunOptions {
  signal: AbortSignal
  onSnapshot(snapshot: Snapshot): void
  /** Called when its sessions are open; the load begins when it settles. */
  onOpened?(): Promise<void>
}

const tickMs = 4
const snapshotMs = 250
const finishMs = 30_000
const closeAtOnce = 50
/** Of exchanges that are waiting for their session; what is more is not even begun. */
const backlogAtMost = 100_000

/** Drives the sessions of one process, from the first `initialize` to the last DELETE. */
export async function runLoad(plan: LoadPlan, options: RunOptions): Promise<LoadResult> {
  const { signal, onSnapshot, onOpened } = options
  // One for each session that waits for something.
  setMaxListeners(0, signal)
  const startedMs = performance.now()
  const sinceStartMs = (): number => performance.now() - startedMs
  const startCpu = process.cpuUsage()
  const search = createSearch(plan.seed.marker)
  const canaries = createCanaries(plan.seed)
  const evidence = createEvidence({ canaries, search, sinceStartMs })
  const measure = createMeasure(sinceStartMs)
  const wire = createWire(new URL(plan.url))
  const profile = profileOf(plan)
  const [anybody] = plan.users
  let drawn = 0
  let phase: Snapshot['phase'] = 'opening'

  const create = ({ headers }: User): Session => {
    const number = plan.firstNumber + plan.stride * drawn++
    return createSession({
      wire,
      watch: evidence.watch(number),
      headers,
      timeoutMs: plan.timeoutMs,
      ...(plan.members === undefined
        ? {}
        : { members: plan.members, home: number % plan.members.length }),
      count: measure.count,
    })
  }

  const lanes: Lane[] = Array.from({ length: plan.sessions }, (_, at) =>
    createLane({
      user: userOf(plan, at) ?? anybody ?? { name: 'anybody', headers: {} },
      profile,
      measure,
      create,
      trespass: createTrespass(plan.users, measure.count),
      signal,
    }),
  )
  const open = (): number => lanes.filter(({ session }) => session?.state === 'open').length

  const look = (): void => {
    measure.sample(open())
    const { exchanges, failures } = measure.totals()
    const leaks = evidence.leakCount()
    onSnapshot({ phase, open: open(), exchanges, failures, leaks, elapsedMs: sinceStartMs() })
  }
  const looking = setInterval(look, snapshotMs)

  try {
    const started = await inParallel(lanes, plan.openAtOnce, (lane) => lane.start())
    const openingMs = sinceStartMs()
    const live = lanes.filter((_, at) => started[at])
    phase = 'load'
    // Whoever looks at the machine when all are open does it now, and disturbs nothing.
    look()
    await onOpened?.()
    const chaos = plan.chaos && createChaos(plan.chaos, { plan, lanes: live, sinceStartMs, signal })
    const loadStartedMs = performance.now()
    const before = measure.totals().exchanges
    if (live.length > 0) await load(plan, live, measure, signal)
    const loadMs = performance.now() - loadStartedMs
    const loadExchanges = measure.totals().exchanges - before

    phase = 'finishing'
    const ending = chaos?.end()
    const until = AbortSignal.any([signal, AbortSignal.timeout(finishMs)])
    setMaxListeners(0, until)
    await inParallel(live, plan.openAtOnce, (lane) => lane.finish(until))
    const faults = (await ending) ?? []
    phase = 'closing'
    look()
    await inParallel(lanes, closeAtOnce, (lane) => lane.close())
    const { user, system } = process.cpuUsage(startCpu)
    return {
      evidence: evidence.report(),
      measure: measure.report(),
      faults,
      wanted: plan.sessions,
      unopened: lanes.length - live.length,
      openingMs,
      loadMs,
      loadExchanges,
      isStopped: signal.aborted,
      cpuMs: (user + system) / 1000,
      rssBytes: process.memoryUsage.rss(),
    }
  } finally {
    clearInterval(looking)
    await wire.close()
  }
}

/** Exchanges as the rate wants them, however slow the answers are; or one behind the other. */
async function load(
  plan: LoadPlan,
  lanes: Lane[],
  measure: ReturnType<typeof createMeasure>,
  signal: AbortSignal,
): Promise<void> {
  const { ratePerSecond, durationMs, calls } = plan
  const startedMs = performance.now()
  const untilMs = startedMs + durationMs
  const most = calls ?? Infinity
  let begun = 0

  if (ratePerSecond === null) {
    const goesOn = (): boolean => {
      if (signal.aborted || performance.now() >= untilMs || begun >= most) return false
      begun += 1
      return true
    }
    await Promise.all(lanes.map((lane) => lane.drive(goesOn)))
    return
  }

  const everyMs = 1000 / ratePerSecond
  let turn = 0
  while (!signal.aborted && begun < most && performance.now() < untilMs) {
    const dueMs = Math.min(performance.now(), untilMs)
    const backlog = lanes.reduce((sum, lane) => sum + lane.backlog(), 0)
    for (let left = backlogAtMost - backlog; begun < most; begun += 1, left -= 1) {
      const meantMs = startedMs + begun * everyMs
      if (meantMs > dueMs) break
      if (left <= 0) measure.count('dropped')
      else lanes[turn++ % lanes.length]?.take(meantMs)
    }
    await sleep(tickMs)
  }
}

/** By the number of its first session, so that several processes have all users among them. */
function userOf({ users, firstNumber, stride }: LoadPlan, at: number): User | undefined {
  return users[(firstNumber + stride * at) % users.length]
}

/** So many at once, in order. */
async function inParallel<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) {
      const item = items[at]
      if (item !== undefined) results[at] = await work(item)
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker))
  return results
}
