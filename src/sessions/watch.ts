import type { Clock } from '../ground/clock.ts'
import { messageOf } from '../ground/errors.ts'
import type { Events } from '../ground/events.ts'
import { inBackground, tellFault } from '../ground/guarded.ts'
import { createSharedWork } from '../ground/shared-work.ts'
import type { Adopting } from './adopting.ts'
import type { Ending } from './ending.ts'
import { judge } from './lifetime.ts'
import { isStoreAway } from './moving.ts'
import type { SessionRecord } from './record.ts'
import type { OwnSession } from './session.ts'
import type { Life, SessionStore, Touch } from './store.ts'
import type { WriteBack } from './write-back.ts'

/**
 * What a gateway does all the time: tells the store of activity and that it lives, hears of what
 * ended elsewhere, and ends what is due.
 */
export interface Watch {
  /** Does all of it now, without waiting for its time. */
  look(): Promise<void>
  /** Tells what is to be told now. */
  tell(): Promise<void>
  /** Says that this gateway lives, and writes back what is known here if the store was emptied. */
  enter(): Promise<void>
  /** Looks into the store; where it finds nothing, once more if the store had been emptied. */
  ask<T>(look: () => Promise<T | undefined>): Promise<T | undefined>
  stop(): void
}

export interface WatchOptions {
  clock: Clock
  events: Events
  store: SessionStore
  life: Life
  /**
   * A host of which nothing was heard for so long is lost; and a gateway that was without its store
   * ends nothing for so long, because others may have news that they could not tell either. A
   * gateway that is silent for so long does not finish an end that it has begun.
   */
  lostAfterMs: number
  sessions: ReadonlyMap<string, OwnSession>
  ending: Ending
  adopting: Adopting
  writeBack: WriteBack
  /** Of this machine, for what is done now and then. */
  now(): number
  /** After every sign of life. */
  onHeartbeat(): Promise<void>
}

const dueEveryMs = 250
const claimLimit = 100

export function createWatch(options: WatchOptions): Watch {
  const { clock, events, store, life, lostAfterMs, sessions, ending, adopting, writeBack } = options
  const { now } = options
  let isBusy = false
  let isAway = false
  let connectedAtMs = store.isShared ? clock.now() : -Infinity
  let livedAtMs = -Infinity
  const share = createSharedWork<string, boolean>()

  const unsubscribe = store.subscribe({
    onEnded(record) {
      adopting.onEnded(record)
      const session = sessions.get(record.id)
      if (session !== undefined && record.end !== undefined) ending.release(session, record.end)
    },
    onBack() {
      connectedAtMs = clock.now()
      livedAtMs = -Infinity
      for (const session of sessions.values()) session.doubt()
      lookNow()
    },
  })
  const looking = clock.every(Math.max(dueEveryMs, store.touchEveryMs), lookNow)

  function lookNow(): void {
    inBackground(look(), tellFault('looking after sessions'))
  }

  async function look(): Promise<void> {
    if (isBusy) return
    isBusy = true
    try {
      await noteAvailability()
      if (!store.isAvailable()) return
      // In this order: all that happened since the last look, before anything is judged by it.
      await tell()
      await live()
      if (clock.now() - connectedAtMs >= (store.isShared ? lostAfterMs : 0)) await endWhatIsDue()
    } catch (thrown) {
      report(thrown)
    } finally {
      isBusy = false
    }
  }

  async function tell(): Promise<void> {
    const told: OwnSession[] = []
    const touches: Touch[] = []
    for (const session of sessions.values()) {
      const touch = session.end === undefined ? session.dueTouch() : undefined
      if (touch === undefined) continue
      told.push(session)
      touches.push(touch)
    }
    if (touches.length === 0) return
    const answers = await store.touch(touches)
    for (const [at, session] of told.entries()) {
      const answer = answers[at]
      if (answer !== undefined) session.touched(answer)
      if (answer?.version !== session.record.version) await writeBack.reconcile(session)
    }
  }

  async function live(): Promise<void> {
    if (!store.isShared || now() - livedAtMs < lostAfterMs / 3) return
    await fillIfEmptied()
    // Here, and not with every sign of life: requests for what is unknown give some as well, and would
    // put off what is to be done after those that are due.
    livedAtMs = now()
    await options.onHeartbeat()
  }

  /** @returns whether it was emptied, and has again what is known here */
  const fillIfEmptied = (): Promise<boolean> =>
    share(life.owner, async () => {
      const isEnrolled = await store.heartbeat(life)
      if (!isEnrolled) await writeBack.all()
      return !isEnrolled
    })

  async function endWhatIsDue(): Promise<void> {
    const { host, owner } = life
    const due = await store.claimDue({
      host,
      owner,
      limit: claimLimit,
      leaseMs: lostAfterMs,
      ...(store.isShared ? { lostAfterMs } : {}),
    })
    for (const record of due) inBackground(endDue(record), report)
  }

  async function endDue(record: SessionRecord): Promise<void> {
    const session = sessions.get(record.id)
    if (session?.closed !== undefined) return
    if (record.host !== life.host) await endLost(record)
    else if (record.end !== undefined) await adopting.end(record, record.end.reason)
    else if (session !== undefined) await ending.closeDue(session, record)
    else await endUnknown(record)
  }

  /** Of a gateway of this host that is gone. */
  async function endUnknown(record: SessionRecord): Promise<void> {
    const verdict = judge(record, clock.now())
    if (verdict.due) await adopting.end(record, verdict.reason)
  }

  /** What runs nowhere in particular is not lost with its host. */
  async function endLost(record: SessionRecord): Promise<void> {
    if (record.handle?.driver === 'remote' && record.state === 'live') {
      await store.update(record.id, record.version, { host: life.host })
    } else {
      await adopting.end(record, record.end?.reason ?? 'host-lost')
    }
  }

  /** It is tried again anyway; of a store that is away the operator hears once. */
  function report(thrown: unknown): void {
    if (isStoreAway(thrown)) return
    events.emit('operator.warned', {
      message: `Sessions were not looked after: ${messageOf(thrown)}`,
    })
  }

  async function noteAvailability(): Promise<void> {
    if (isAway === !store.isAvailable()) return
    isAway = !isAway
    const why = isAway ? ((await store.problem()) ?? 'it was away for a moment') : ''
    const message = isAway
      ? `The store of sessions cannot be used (${why}): open sessions go on, new ones are refused (503) until it is back.`
      : 'The store of sessions is back.'
    events.emit('operator.warned', { message })
  }

  return {
    look,
    tell,

    async enter() {
      if (store.isShared) await fillIfEmptied()
    },

    async ask(look) {
      const found = await look()
      if (found !== undefined || !store.isShared) return found
      return (await fillIfEmptied()) ? look() : undefined
    },

    stop() {
      looking.cancel()
      unsubscribe()
    },
  }
}
