import type { GatewayError } from '../ground/errors.ts'
import { rpcReply } from '../ground/replies.ts'
import type { Peek } from '../protocols/protocol.ts'
import { refusedUse } from './access.ts'
import type { Asked } from './asked.ts'
import type { Incoming, Outgoing } from './incoming.ts'
import type { Passing } from './pass.ts'

/** Answers, in the shoes of its server, what its caller may not use: there is no such thing. */
export type UseCheck = (
  request: Incoming,
  reply: Outgoing,
  asked: Asked,
  what: { body: Buffer; messages: Peek[] },
) => boolean

export interface UseCheckOptions {
  passing: Passing
  /** For the log; the client has been answered. */
  report(request: Incoming, error: GatewayError): void
}

export function createUseCheck({ passing, report }: UseCheckOptions): UseCheck {
  return function isRefused(request, reply, asked, { body, messages }) {
    const error = refusedUse(asked, { headers: request.headers, body, messages })
    if (error === undefined) return false
    report(request, error)
    const { protocol, publicId } = asked
    const extra = passing.extraHeaders(request, protocol)
    const own = publicId === undefined ? {} : protocol.toClient({}, publicId)
    const ids = messages.flatMap(({ kind, id }) => (kind === 'request' ? (id ?? []) : []))
    const answer = rpcReply(error, { requestId: request.id, ids })
    if (ids.length === 0) reply.say(202, { ...extra, ...own })
    else reply.say(answer.statusCode, { ...extra, ...own, ...answer.headers }, answer.body)
    return true
  }
}
