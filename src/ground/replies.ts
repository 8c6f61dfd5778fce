import { STATUS_CODES } from 'node:http'

import type { ErrorCode } from './errors.ts'
import { GatewayError, messageOf } from './errors.ts'
import type { RpcId } from './jsonrpc.ts'
import { eventText } from './whole-events.ts'

/** The one place that turns an error into HTTP and JSON-RPC. */
export interface Reply {
  statusCode: number
  headers: Record<string, string>
  body: string
  code: ErrorCode
}

export interface ReplyOptions {
  requestId: string
  /** Ids of the requests that it answers: none for what had no id, several for a batch. */
  ids?: readonly RpcId[]
}

/** An error as the MCP endpoint answers it: a JSON-RPC error, or an array of them for a batch. */
export function rpcReply(thrown: unknown, { requestId, ids = [] }: ReplyOptions): Reply {
  const error = asGatewayError(thrown)
  const [first, ...more] = ids
  const body =
    more.length === 0
      ? rpcError(error, requestId, first ?? null)
      : ids.map((id) => rpcError(error, requestId, id))
  return replyOf(error, JSON.stringify(body))
}

/** An error as the admin API answers it. */
export function adminReply(thrown: unknown, { requestId }: ReplyOptions): Reply {
  const error = asGatewayError(thrown)
  const { message } = rpcError(error, requestId, null).error
  return replyOf(error, JSON.stringify({ error: { code: error.code, message } }))
}

/** An error as the last event of a stream whose head has been sent. */
export function rpcErrorEvent(thrown: unknown, requestId: string, id: RpcId): string {
  const error = asGatewayError(thrown)
  return eventText(JSON.stringify(rpcError(error, requestId, id)))
}

/** The JSON-RPC error that says it. */
export function rpcError(error: GatewayError, requestId: string, id: RpcId | null) {
  // Below 500 it is the client's to mend, and the message says how; above, it is for the operator.
  const isClients = error.statusCode < 500
  const title = STATUS_CODES[error.statusCode] ?? 'Error'
  const message = isClients ? error.message : `${title} (${error.code}, request ${requestId})`
  const data = isClients ? error.data : { code: error.code, requestId, ...error.data }
  return {
    jsonrpc: '2.0' as const,
    error: { code: error.rpcCode, message, ...(data === undefined ? {} : { data }) },
    id,
  }
}

function replyOf(error: GatewayError, body: string): Reply {
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  if (error.retryAfterSeconds !== undefined) {
    headers['retry-after'] = String(error.retryAfterSeconds)
  }
  return { statusCode: error.statusCode, headers, body, code: error.code }
}

/** Anything that was thrown as an error of the catalogue; what is unknown is the gateway's fault. */
export function asGatewayError(thrown: unknown): GatewayError {
  return thrown instanceof GatewayError
    ? thrown
    : new GatewayError('ERR_PROXY_INTERNAL', { cause: thrown })
}

/** For the log: the message and those of its causes. */
export function explain(error: GatewayError): string {
  return error.cause === undefined ? error.message : `${error.message} (${messageOf(error.cause)})`
}
