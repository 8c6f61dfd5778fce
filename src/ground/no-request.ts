import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'

import type { Clock } from './clock.ts'
import type { ErrorCode } from './errors.ts'
import { GatewayError } from './errors.ts'
import { rpcReply } from './replies.ts'

/** The client has its answer by then, whatever it still sends. */
const lingerMs = 2000

const byParserCode: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'ERR_PROXY_HEAD_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'ERR_PROXY_REQUEST_TIMEOUT',
}

const answered = new WeakSet<Socket>()

export interface NoRequestOptions {
  clock: Clock
  /** Of a head. */
  limitBytes: number
  /** Whether an answer to something before is on its way. */
  isAnswering: boolean
}

/**
 * Answers what is no request, as requests are answered: with a JSON-RPC error. What still comes is
 * thrown away for a moment, because closing at once would take the answer with it.
 */
export function answerNoRequest(
  error: Error & { code?: string },
  socket: Socket,
  { clock, limitBytes, isAnswering }: NoRequestOptions,
): void {
  // What follows is no request either.
  if (answered.has(socket)) return
  if (error.code === 'ECONNRESET' || !socket.writable || isAnswering) {
    socket.destroy()
    return
  }
  answered.add(socket)
  const code = byParserCode[error.code ?? ''] ?? 'ERR_PROXY_NO_REQUEST'
  // It has no id, and being the client's to mend it needs none.
  const refusal = new GatewayError(code, { params: { limitBytes } })
  const { statusCode, body } = rpcReply(refusal, { requestId: '' })
  const head = [
    `HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode]}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
  const limit = clock.after(lingerMs, () => socket.destroy())
  socket.once('close', () => limit.cancel())
}
