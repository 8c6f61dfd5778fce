import { setTimeout as sleep } from 'node:timers/promises'

import { messageOf } from '../../ground/errors.ts'
import type { Session } from '../client/session.ts'
import type { User } from '../drive/plan.ts'
import { announce, echo, recall } from '../drive/steps.ts'
import { knockAs } from '../drive/trespass.ts'
import { ancestorsOf, commandOf } from '../processes.ts'
import type { Admin } from './admin.ts'
import type { Fault, FaultName } from './fault.ts'

/** Whom a fault happens to. */
export interface Victim {
  session: Session
  /** Somebody else; undefined where there is only one. */
  other: User | undefined
}

type Result = Pick<Fault, 'isKept' | 'how'>
type Commit = (victim: Victim, admin: Admin | undefined) => Promise<Result>

const goneWithinMs = 10_000
const lookEveryMs = 50

const commits: Record<FaultName, Commit> = {
  async 'kill-worker'({ session }, admin) {
    const pid = session.id === undefined ? undefined : await admin?.pidOf(session.id)
    if (pid === undefined || !isWorker(pid)) {
      return untried('no process of this worker can be killed from here')
    }
    return endedUnder(session, () => {
      process.kill(pid, 'SIGKILL')
      return Promise.resolve()
    })
  },

  async 'stop-session'({ session }, admin) {
    const { id } = session
    if (admin === undefined || id === undefined) return untried('no admin API')
    return endedUnder(session, async () => {
      await admin.stop(id)
    })
  },

  async 'drop-connection'({ session }) {
    const asked = longCall(session)
    await sleep(3)
    asked.drop()
    await asked.outcome
    // Whatever it has kept, if its profile has it keep anything.
    const step = session.watch.hasMatched('memory') ? recall : echo
    const outcome = await step.run(session, 'after')
    return outcome.ok
      ? { isKept: true, how: 'it still has everything' }
      : broken(session, `the next call failed: ${outcome.code}`)
  },

  async 'reconnect-stream'({ session }) {
    const { listening } = session
    if (listening === undefined || !(await listening.ready)) return untried('it has no stream')
    const reopened = listening.reopened()
    listening.drop()
    if (!(await reopened)) return broken(session, 'it could not be opened again')
    const outcome = await announce.run(session, `after ${performance.now().toFixed(0)}`)
    return outcome.ok
      ? { isKept: true, how: 'messages come again' }
      : broken(session, `no message came on it: ${outcome.code}`)
  },

  async 'replay-old-id'({ session }) {
    await session.close('delete')
    const { status } = await session.knock('POST')
    return { isKept: status === 404, how: `HTTP ${status}` }
  },

  async 'steal-id'({ session, other }) {
    if (other === undefined) return untried('there is only one user')
    const { status, insteadOf } = await knockAs(session, other, 'POST')
    if (insteadOf !== undefined) {
      return { isKept: false, how: `HTTP ${status}, where an unknown id gets ${insteadOf}` }
    }
    return { isKept: status === 404, how: `HTTP ${status}` }
  },
}

export async function commit(
  name: FaultName,
  victim: Victim,
  context: { admin: Admin | undefined; atMs: number },
): Promise<Fault> {
  const { admin, atMs } = context
  const startedMs = performance.now()
  const session = victim.session.watch.number
  const done = (result: Result): Fault => {
    return { name, atMs, session, ...result, tookMs: performance.now() - startedMs }
  }
  try {
    return done(await commits[name](victim, admin))
  } catch (error) {
    return done(untried(messageOf(error)))
  }
}

/** In another PID namespace than the gateway's the same number is somebody else. */
const isWorker = (pid: number): boolean =>
  [...ancestorsOf(pid), pid].some((each) => commandOf(each).includes('keeper/main.js'))

/** Nobody has broken a promise if the client has ended its session meanwhile, as churn does. */
const broken = (session: Session, how: string): Result =>
  session.state === 'closed' ? untried('its client has ended it') : { isKept: false, how }

const untried = (how: string): Result => ({ isKept: null, how })

const longCall = (session: Session): ReturnType<Session['request']> => {
  const args = { text: session.watch.canary, steps: 3 }
  return session.request('tools/call', { name: 'report', arguments: args }, () => undefined)
}

/** Ends a session under a call, and waits until its id is not known any more. */
async function endedUnder(session: Session, end: () => Promise<void>): Promise<Result> {
  const asked = longCall(session)
  await end()
  const outcome = await asked.outcome
  const said = outcome.ok ? 'the call under way was answered' : `the call failed (${outcome.code})`
  const untilMs = performance.now() + goneWithinMs
  let { status } = await session.knock('POST')
  while (status !== 404 && performance.now() < untilMs) {
    await sleep(lookEveryMs)
    ;({ status } = await session.knock('POST'))
  }
  return { isKept: status === 404, how: `${said}, then its id got ${status}` }
}
