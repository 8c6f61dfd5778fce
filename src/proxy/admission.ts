import type { Peek } from '../protocols/protocol.ts'
import type { Asked } from './asked.ts'
import type { Exchange } from './exchange.ts'
import type { Quotas } from './quotas.ts'

/**
 * Counts the calls of a message in, if the quotas of its client have room for all of them. Each takes
 * its place until its exchange is over.
 *
 * @param countIn opens their exchanges, or throws and has opened none
 * @throws ERR_SESSIONS_QUOTA_CALLS, ERR_SESSIONS_QUOTA_IN_PROGRESS
 */
export function admit<T extends { exchanges: readonly Exchange[] }>(
  quotas: Quotas,
  { caller }: Pick<Asked, 'caller'>,
  messages: readonly Peek[],
  countIn: () => T,
): T {
  const places = quotas.of(caller)?.call(messages.filter(isCall).length) ?? []
  try {
    const counted = countIn()
    const calls = counted.exchanges.filter(({ method }) => method !== 'ping')
    for (const [at, call] of calls.entries()) call.onOver = places[at]
    return counted
  } catch (thrown) {
    for (const giveBack of places) giveBack()
    throw thrown
  }
}

/** A ping asks nothing of the server but whether it is there. */
const isCall = ({ kind, method, id }: Peek): boolean =>
  kind === 'request' && method !== 'ping' && id !== undefined
