import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js'

import { idKey } from '../ground/jsonrpc.ts'
import type { RpcId } from '../ground/jsonrpc.ts'

/**
 * Which of its questions a server has taken back. The SDK overlooks that of a request with the
 * id 0, which is every SDK server's first.
 */
export interface Withdrawals {
  /** To be told every message in the order of arrival, before the SDK acts on it. */
  heard(message: JSONRPCMessage): void
  signalOf(id: RpcId): AbortSignal
  forget(id: RpcId): void
}

export function createWithdrawals(): Withdrawals {
  const pending = new Map<string, AbortController>()

  function controllerOf(id: RpcId): AbortController {
    const known = pending.get(idKey(id)) ?? new AbortController()
    pending.set(idKey(id), known)
    return known
  }

  return {
    heard(message) {
      if (!('method' in message)) return
      // A ping is answered by the SDK, and nobody would forget it here.
      if ('id' in message && message.method !== 'ping') controllerOf(message.id)
      if (message.method !== 'notifications/cancelled') return
      const id = message.params?.['requestId']
      if (typeof id === 'string' || typeof id === 'number') pending.get(idKey(id))?.abort()
    },
    signalOf: (id) => controllerOf(id).signal,
    forget: (id) => pending.delete(idKey(id)),
  }
}
