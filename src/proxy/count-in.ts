import type { RpcId } from '../ground/jsonrpc.ts'
import type { Peek } from '../protocols/protocol.ts'
import type { Exchange } from './exchange.ts'
import type { Traffic } from './traffic.ts'
import { checkIds, checkRoom } from './traffic.ts'

/**
 * Counts the requests of a POST in; answers and notifications are never counted.
 *
 * @throws ERR_PROXY_TOO_MANY_EXCHANGES, ERR_PROXY_ID_IN_USE, and then nothing has been counted
 */
export function countIn(
  traffic: Traffic,
  messages: readonly Peek[],
): { exchanges: Exchange[]; ids: RpcId[] } {
  const exchanges: Exchange[] = []
  const ids: RpcId[] = []
  for (const { kind, id } of messages) {
    if (kind === 'request' && id !== undefined) ids.push(id)
  }
  // All of it is refused, or nothing.
  checkRoom(traffic, ids.length)
  checkIds(traffic, ids)
  for (const message of messages) {
    if (message.id === undefined || message.kind !== 'request') traffic.fromClient(message)
    else exchanges.push(traffic.open(message))
  }
  return { exchanges, ids }
}
