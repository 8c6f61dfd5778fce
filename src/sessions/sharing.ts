import type { Clock } from '../ground/clock.ts'
import type { Events } from '../ground/events.ts'
import { createSharedWork } from '../ground/shared-work.ts'
import type { Adopting } from './adopting.ts'
import { isStoreAway } from './moving.ts'
import type { SessionRecord } from './record.ts'
import type { OwnSession } from './session.ts'
import type { SessionStore } from './store.ts'
import type { Sweep } from './sweep.ts'
import type { WriteBack } from './write-back.ts'

/** How the gateways of one host share its sessions. */
export interface Sharing {
  /** The stored record; requests for one id that come together share one question. */
  recordOf(id: string): Promise<SessionRecord | undefined>
  /** Moves the idle deadline now; the end of a session that has ended has begun when it settles. */
  confirm(session: OwnSession): Promise<void>
  /** Takes over every session of this host that no request has asked for yet; sweeps now and then. */
  look(): Promise<void>
}

export interface SharingOptions {
  clock: Clock
  events: Events
  store: SessionStore
  host: string
  sessions: ReadonlyMap<string, OwnSession>
  adopting: Adopting
  writeBack: Pick<WriteBack, 'reconcile'>
  sweep: Sweep
  /** Between two sweeps. */
  sweepEveryMs: number
  /** Of this machine, for what is done now and then. */
  now(): number
}

/** Workers that are attached to at the same time. */
const atOnce = 16

export function createSharing(options: SharingOptions): Sharing {
  const { clock, events, store, host, sessions, adopting, writeBack, sweep } = options
  const { sweepEveryMs, now } = options
  const shareQuestion = createSharedWork<string, SessionRecord | undefined>()
  const shareConfirmation = createSharedWork<string, undefined>()
  let sweptAtMs = -Infinity

  async function confirmNow(session: OwnSession): Promise<undefined> {
    const { id, record } = session
    session.touch()
    const idleAtMs = clock.now() + record.idleMs + store.touchEveryMs
    try {
      const [answer] = await store.touch([{ id, idleAtMs }])
      if (answer === undefined) await writeBack.reconcile(session)
      else session.touched(answer)
    } catch (thrown) {
      // Nobody can end it either as long as the store is away.
      if (!isStoreAway(thrown)) throw thrown
    }
    return undefined
  }

  async function adoptAll(): Promise<void> {
    const unknown: SessionRecord[] = []
    for await (const record of store.scan(host, (id) => sessions.has(id))) {
      if (record.state === 'live') unknown.push(record)
    }
    const adoptNext = async (): Promise<void> => {
      for (let record = unknown.shift(); record !== undefined; record = unknown.shift()) {
        // One that was in use last will be asked for first; a server may be unknown here.
        await adopting.adopt(record).catch(() => undefined)
      }
    }
    unknown.sort((a, b) => b.idleAtMs - a.idleAtMs)
    await Promise.all(Array.from({ length: atOnce }, adoptNext))
  }

  async function sweepNowAndThen(): Promise<void> {
    if (now() - sweptAtMs < sweepEveryMs) return
    sweptAtMs = now()
    const ended = await sweep.look()
    if (ended === 0) return
    const message = `Ended ${ended} worker(s) that belonged to no session any more.`
    events.emit('operator.warned', { message })
  }

  return {
    recordOf: (id) => shareQuestion(id, () => store.get(id)),
    confirm: (session) => shareConfirmation(session.id, () => confirmNow(session)),

    async look() {
      if (!store.isShared) return
      await adoptAll()
      await sweepNowAndThen()
    },
  }
}
