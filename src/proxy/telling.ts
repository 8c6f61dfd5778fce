import { challengeHeader, metadataUrl } from '../auth/metadata.ts'
import type { Authorizers } from '../auth/setup.ts'
import { GatewayError } from '../ground/errors.ts'
import type { Events } from '../ground/events.ts'
import { asGatewayError, explain } from '../ground/replies.ts'
import { writtenPath } from '../ground/request-target.ts'
import type { Destination } from './destination.ts'
import type { Guard } from './guard.ts'
import type { Incoming, Outgoing } from './incoming.ts'
import { isOfRuntimes, isStop } from './routes.ts'

/** How clients are told of errors that come before an answer of the worker. */
export interface Telling {
  /** Answers with the error, and tells the log. */
  sendError(request: Incoming, reply: Outgoing, thrown: unknown): void
  /** What every reply carries. */
  headersOf(request: Incoming): Record<string, string>
  /** For the log; the client has been answered. */
  report(request: Incoming, error: GatewayError): void
}

export interface TellingOptions {
  events: Events
  guard: Guard
  authorizers: Authorizers
  destination: Destination
}

export function createTelling(options: TellingOptions): Telling {
  const { events, guard, authorizers, destination } = options

  function headersOf(request: Incoming): Record<string, string> {
    const own = destination.protocolOf(request).replyHeaders(request.id)
    return { ...guard.headersFor(request.headers.origin), ...own }
  }

  function report(request: Incoming, error: GatewayError): void {
    const { code, statusCode } = error
    events.emit('request.failed', {
      requestId: request.id,
      code,
      statusCode,
      cause: explain(error),
    })
  }

  /** Where to get a token, for who came without one that is good enough. */
  function challengeTo(request: Incoming, { challenge }: GatewayError): Record<string, string> {
    if (challenge === undefined) return {}
    const server = destination.serverOf(request)
    const { login } = authorizers.of(server?.name)
    // AgentCore's metadata is of an endpoint, and there is only one.
    const query = isOfRuntimes(request) ? '?qualifier=DEFAULT' : ''
    const path = server === undefined ? '' : `${writtenPath(request)}${query}`
    // Keys are nothing that a client could get anywhere by itself.
    const base = guard.baseFor(request.headers.host)
    const url = login === undefined ? undefined : metadataUrl({ base, path })
    return {
      'www-authenticate': challengeHeader(challenge, { scopes: login?.scopes ?? [], url }),
    }
  }

  return {
    headersOf,
    report,
    sendError(request, reply, thrown) {
      request.asked?.release?.()
      const protocol = destination.protocolOf(request)
      const error = translate(thrown)
      report(request, error)
      const to = isStop(request) ? 'operation' : request.method === 'POST' ? 'message' : 'stream'
      const body =
        Buffer.isBuffer(request.body) && to === 'message' ? protocol.read(request.body) : undefined
      const ids =
        body !== undefined && 'messages' in body
          ? body.messages.flatMap(({ kind, id }) =>
              kind === 'request' && id !== undefined ? [id] : [],
            )
          : []
      const publicId = protocol.isPlain ? request.asked?.chosenId : request.asked?.session?.id
      const answer = protocol.reply(error, { requestId: request.id, ids, publicId, to })
      const allow = answer.statusCode === 405 ? { allow: 'POST, GET, DELETE, OPTIONS' } : {}
      const taken =
        error.code === 'ERR_PROXY_CONTENT_ENCODING' ? { 'accept-encoding': 'identity' } : {}
      const headers = { ...headersOf(request), ...allow, ...taken, ...answer.headers }
      reply.say(answer.statusCode, { ...headers, ...challengeTo(request, error) }, answer.body)
    },
  }
}

/** Fastify's own errors about bodies, in the words of the catalogue. */
function translate(thrown: unknown): GatewayError {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  switch (code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new GatewayError('ERR_PROXY_CONTENT_TYPE')
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    case 'FST_ERR_CTP_EMPTY_TYPE':
      return new GatewayError('ERR_PROXY_NOT_JSON')
    case 'ECONNRESET':
      return new GatewayError('ERR_PROXY_BODY_CUT')
    default:
      return asGatewayError(thrown)
  }
}
