import { randomInt } from 'node:crypto'

import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js'

// Far above what the client that opened the session has counted to, and still a safe integer.
const leastOffset = 2 ** 32
const mostOffset = 2 ** 47

/**
 * Lets a client go on in a session where others have sent requests, and may have some open: the
 * ids of a session are used once, and every SDK client counts them from 0. Whoever listened to
 * `transport` before hears what is on the wire.
 */
export function withOwnIds(transport: Transport): Transport {
  const offset = randomInt(leastOffset, mostOffset)
  const out = (id: unknown): unknown => (typeof id === 'number' ? id + offset : id)
  const back = (id: unknown): unknown => (typeof id === 'number' ? id - offset : id)
  const own: Transport = {
    start: () => transport.start(),
    send: (message, options) => transport.send(sent(message, out), options),
    close: () => transport.close(),
    setProtocolVersion: (version) => transport.setProtocolVersion?.(version),
    ...(transport.sessionId !== undefined && { sessionId: transport.sessionId }),
  }
  transport.onclose = () => own.onclose?.()
  transport.onerror = (error) => own.onerror?.(error)
  const heard = transport.onmessage
  transport.onmessage = (message, extra) => {
    heard?.(message, extra)
    own.onmessage?.(received(message, back), extra)
  }
  return own
}

type Shift = (id: unknown) => unknown

function sent(message: JSONRPCMessage, out: Shift): JSONRPCMessage {
  if (!('method' in message)) return message
  const { params = {} } = message
  if (!('id' in message)) {
    if (message.method !== 'notifications/cancelled') return message
    return {
      ...message,
      params: { ...params, requestId: out(params['requestId']) },
    }
  }
  const meta = params._meta
  const token = meta?.progressToken
  return {
    ...message,
    id: out(message.id),
    ...(token !== undefined && {
      params: { ...params, _meta: { ...meta, progressToken: out(token) } },
    }),
  } as JSONRPCMessage
}

function received(message: JSONRPCMessage, back: Shift): JSONRPCMessage {
  if (!('method' in message)) return { ...message, id: back(message.id) } as JSONRPCMessage
  if ('id' in message || message.method !== 'notifications/progress') return message
  const { params = {} } = message
  return {
    ...message,
    params: { ...params, progressToken: back(params['progressToken']) },
  }
}
