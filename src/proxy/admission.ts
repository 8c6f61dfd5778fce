import type { Peek } from '../protocols/protocol.ts'
import type { Quotas } from './quotas.ts'
import type { Session } from '../sessions/session.ts'
import type { Asked } from './asked.ts'
import type { Exchange } from './exchange.ts'

/** Calls that were let in, each of which takes a place until it is over. */
export interface Ticket {
  /** From now on each of the places is that of a call, and free when that is over. */
  carriedBy(exchanges: readonly Exchange[]): void
}

/**
 * Lets the calls of a message in, as far as the quotas of its client have room, and then sends it.
 * What else comes of a session is sent in the order in which it came.
 *
 * @throws or rejects with ERR_SESSIONS_QUOTA_CALLS, ERR_SESSIONS_QUOTA_IN_PROGRESS
 */
export type Admission = (
  session: Session,
  asked: Pick<Asked, 'caller'>,
  messages: readonly Peek[],
  send: (ticket: Ticket | undefined) => void,
) => undefined | Promise<void>

export function createAdmission(quotas: Quotas | undefined): Admission {
  return function admit(_session, { caller }, messages, send) {
    const allowance = quotas?.of(caller)
    if (allowance === undefined) {
      send(undefined)
      return undefined
    }
    const places = allowance.call(messages.filter(isCall).length)
    try {
      send({ carriedBy: (exchanges) => hand(places, exchanges) })
    } catch (thrown) {
      // Of a place that is that of a call the call is over, or will be: it is given back once.
      for (const giveBack of places) giveBack()
      throw thrown
    }
    return undefined
  }
}

/** A ping asks nothing of the server but whether it is there. */
const isCall = ({ kind, method }: Pick<Peek, 'kind' | 'method'>): boolean =>
  kind === 'request' && method !== 'ping'

function hand(places: readonly (() => void)[], exchanges: readonly Exchange[]): void {
  const calls = exchanges.filter(({ method }) => method !== 'ping')
  for (const [at, call] of calls.entries()) call.onOver = places[at]
}
