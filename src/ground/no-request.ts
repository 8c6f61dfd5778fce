import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

import type { Clock } from './clock.ts'
import type { ErrorCode } from './errors.ts'
import { GatewayError } from './errors.ts'
import { guarded, tellFault } from './guarded.ts'
import { wholeAnswer } from './other-requests.ts'
import { rpcReply } from './replies.ts'

/** The client has its answer by then, whatever it still sends. */
const lingerMs = 2000

const byParserCode: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'ERR_PROXY_HEAD_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'ERR_PROXY_REQUEST_TIMEOUT',
}

const answered = new WeakSet<Socket>()
const onFault = tellFault('answering what is no request')

export interface NoRequestOptions {
  clock: Clock
  /** Of a head. */
  limitBytes: number
  /** The answers of this connection that are not complete, oldest first. */
  open: readonly ServerResponse[]
}

/**
 * Answers what is no request, as requests are answered: with a JSON-RPC error. What still comes is
 * thrown away for a moment, because closing at once would take the answer with it. What was asked
 * before it, and was complete, is answered first.
 */
export function answerNoRequest(
  error: Error & { code?: string },
  socket: Socket,
  { clock, limitBytes, open }: NoRequestOptions,
): void {
  // What follows is no request either.
  if (answered.has(socket)) return
  const asked = open.filter(({ req }) => req.complete)
  const own = open.find(({ req }) => !req.complete)
  const last = asked.at(-1)
  // Who has closed the connection waits for no answer.
  const isGone = socket.readableEnded && last !== undefined
  if (error.code === 'ECONNRESET' || !socket.writable || isGone || own?.headersSent === true) {
    socket.destroy()
    return
  }
  answered.add(socket)
  if (last === undefined) {
    refuse(error, socket, { clock, limitBytes, open })
    return
  }
  // The parser, which has given up, would not tell.
  socket.once('end', () => socket.destroy())
  const next = guarded(() => {
    if (socket.writable) refuse(error, socket, { clock, limitBytes, open })
  }, onFault)
  last.once('close', next)
}

function refuse(
  error: Error & { code?: string },
  socket: Socket,
  { clock, limitBytes, open }: NoRequestOptions,
): void {
  const isCut = error.code === 'HPE_INVALID_EOF_STATE' && open.length > 0
  const code = isCut
    ? 'ERR_PROXY_BODY_CUT'
    : (byParserCode[error.code ?? ''] ?? 'ERR_PROXY_NO_REQUEST')
  // It has no id, and being the client's to mend it needs none.
  const refusal = new GatewayError(code, { params: { limitBytes } })
  const { statusCode, body } = rpcReply(refusal, { requestId: '' })
  socket.end(wholeAnswer(statusCode, body))
  const limit = clock.after(lingerMs, () => socket.destroy())
  socket.once('close', () => limit.cancel())
}
