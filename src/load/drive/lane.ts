import { setTimeout as sleep } from 'node:timers/promises'

import type { Outcome, Session } from '../client/session.ts'
import type { Measure } from './measure.ts'
import type { User } from './plan.ts'
import type { Profile } from './profiles.ts'
import { pick } from './profiles.ts'
import type { Step } from './steps.ts'

/** One session after the other, in the hands of one user. */
export interface Lane {
  readonly user: User
  readonly session: Session | undefined
  /** Opens its first session. @returns whether there is one */
  start(): Promise<boolean>
  /** Has it do something that was meant to begin at this time (of `performance.now()`). */
  take(meantMs: number): void
  /** How many are waiting for their turn. */
  backlog(): number
  /** Does one thing after the other for as long as `goesOn`. */
  drive(goesOn: () => boolean): Promise<void>
  /** Waits for what is on its way, and does what its session has not done yet of its agenda. */
  finish(signal: AbortSignal): Promise<void>
  /** Closes the session for good. */
  close(): Promise<void>
}

export interface LaneOptions {
  user: User
  profile: Profile
  measure: Measure
  /** A new session of this user, with the next number. */
  create(user: User): Session
  /** Tries the session with the token of another; undefined where there is one user only. */
  trespass: ((session: Session, user: User) => Promise<Outcome>) | undefined
  signal: AbortSignal
}

/** Something to be done. `churns`: alone, because it closes the session, and waited for that. */
interface Meant {
  meantMs: number
  churns: boolean
}

/** So many exchanges of one session at once, when it has been through its agenda. */
const width = 3
const opensAtMost = 4
const firstPauseMs = 100
const triesPerStep = 3

export function createLane(options: LaneOptions): Lane {
  const { user, profile, measure, create, trespass, signal } = options
  const trespassStep: Step | undefined = trespass && {
    name: 'trespass',
    channels: ['ownership'],
    run: (session) => trespass(session, user),
  }
  const fullAgenda = [...profile.agenda, ...(trespassStep === undefined ? [] : [trespassStep])]
  const waiting: Meant[] = []
  let session: Session | undefined
  let agenda: Step[] = []
  let tries = 0
  let active = 0
  let isAlone = false
  let tags = 0
  let isClosed = false
  let whenIdle: (() => void)[] = []

  const meant = (meantMs: number): Meant => ({
    meantMs,
    churns: Math.random() * 1000 < profile.churnPerMille,
  })

  const open = async (): Promise<boolean> => {
    for (let pauseMs = firstPauseMs, left = opensAtMost; left > 0; left -= 1, pauseMs *= 2) {
      if (signal.aborted) return false
      const next = create(user)
      const startedMs = performance.now()
      const outcome = await next.open()
      if (outcome.ok) {
        measure.answered('initialize', (performance.now() - startedMs) * 1000)
        session = next
        agenda = [...fullAgenda]
        tries = 0
        return true
      }
      measure.failed(`initialize: ${outcome.code}`)
      await next.close('abandon')
      if (left > 1) await sleep(pauseMs, undefined, { signal }).catch(() => undefined)
    }
    return false
  }

  /** The session that is open, opened again if it was lost, as a client has to. */
  const current = async (): Promise<Session | undefined> => {
    if (session?.state === 'open') return session
    if (session?.state === 'lost') measure.count('reinitialized')
    if (session !== undefined) retire(session)
    session = undefined
    await open()
    return session
  }

  const retire = (old: Session): void =>
    old.watch.close(old.state === 'lost' ? [] : profile.required)

  const perform = async (step: Step, meantMs: number): Promise<boolean> => {
    const at = await current()
    if (at === undefined) {
      measure.failed('no session')
      return false
    }
    const outcome = await step.run(at, String((tags += 1)))
    if (outcome.ok) measure.answered(step.name, (performance.now() - meantMs) * 1000)
    else measure.failed(outcome.code)
    if (step.thinkMs !== undefined && step.thinkMs > 0) {
      await sleep(step.thinkMs, undefined, { signal }).catch(() => undefined)
    }
    return outcome.ok
  }

  /** The first thing of the agenda, which is tried again if it fails. */
  const advance = async (meantMs: number): Promise<void> => {
    const [step] = agenda
    if (step === undefined) return
    const before = session
    const isDone = await perform(step, meantMs)
    // A session that was opened meanwhile has an agenda of its own.
    if (session !== before) return
    tries += 1
    if (isDone || tries >= triesPerStep) {
      agenda.shift()
      tries = 0
    }
  }

  const churn = async (meantMs: number): Promise<void> => {
    const old = session
    if (old !== undefined) {
      await old.close(Math.random() < 0.7 ? 'delete' : 'abandon')
      retire(old)
    }
    session = undefined
    if (await open()) measure.answered('churn', (performance.now() - meantMs) * 1000)
  }

  const settled = (): void => {
    active -= 1
    isAlone = false
    if (active === 0 && waiting.length === 0) {
      for (const tell of whenIdle) tell()
      whenIdle = []
    }
    pump()
  }

  const pump = (): void => {
    while (!isClosed && !isAlone && active < width) {
      const [next] = waiting
      if (next === undefined) return
      const needsAll = next.churns || agenda.length > 0 || session?.state !== 'open'
      if (needsAll && active > 0) return
      waiting.shift()
      active += 1
      isAlone = needsAll
      void one(next).finally(settled)
    }
  }

  const one = async ({ meantMs, churns }: Meant): Promise<void> => {
    if (session?.state !== 'open') await current()
    if (agenda.length > 0) return advance(meantMs)
    if (churns) return churn(meantMs)
    const step = pick(profile.often, Math.random())
    if (step !== undefined) await perform(step, meantMs)
  }

  const idle = (): Promise<void> =>
    active === 0 && waiting.length === 0
      ? Promise.resolve()
      : new Promise((resolve) => whenIdle.push(resolve))

  return {
    user,
    get session() {
      return session
    },
    start: open,
    take(meantMs) {
      waiting.push(meant(meantMs))
      pump()
    },
    backlog: () => waiting.length,
    async drive(goesOn) {
      while (goesOn()) {
        active += 1
        await one(meant(performance.now()))
        active -= 1
      }
    },
    async finish(until) {
      await Promise.race([idle(), aborted(until)])
      // What could not be begun in all that time never is, and is counted as such.
      for (let left = waiting.splice(0).length; left > 0; left -= 1) measure.count('dropped')
      await idle()
      while (agenda.length > 0 && !until.aborted) {
        if ((await current()) === undefined) return
        await advance(performance.now())
      }
    },
    async close() {
      isClosed = true
      if (session === undefined) return
      await session.close('delete')
      retire(session)
    },
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
