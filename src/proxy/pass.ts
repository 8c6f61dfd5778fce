import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'

import type { Clock } from '../ground/clock.ts'
import { GatewayError } from '../ground/errors.ts'
import { inBackground, tellFault } from '../ground/guarded.ts'
import type { RpcId } from '../ground/jsonrpc.ts'
import type { Peek, Protocol } from '../protocols/protocol.ts'
import { endedError } from '../sessions/ending.ts'
import type { Sessions } from '../sessions/manager.ts'
import type { Reopened } from '../sessions/record.ts'
import type { Session } from '../sessions/session.ts'
import { ownerOf, untilEnding } from '../sessions/session.ts'
import { asksForList } from './access.ts'
import { asItComes, inPieces, isLong } from './bodies.ts'
import { createDownstream } from './downstream.ts'
import type { Exchange } from './exchange.ts'
import type { ForwardOptions } from './forward.ts'
import { forward } from './forward.ts'
import { fromOf } from './from.ts'
import type { Guard } from './guard.ts'
import type { Incoming, Outgoing } from './incoming.ts'
import { leaveOut } from './leave-out.ts'
import { recipientOf } from './recipient.ts'
import { tellReopened } from './told-reopened.ts'
import type { TrafficOf } from './traffics.ts'
import { whereTo } from './unfit-answer.ts'
import { brokenError } from './worker-errors.ts'

/** A request of a session, ready to go to its worker. */
export interface Passed {
  request: Incoming
  reply: Outgoing
  protocol: Protocol
  traffic: ReturnType<TrafficOf>
  exchanges: Exchange[]
  ids: RpcId[]
  /** What it asks; nothing for a GET. */
  messages: readonly Peek[]
  /** Held, or still to be read; gone once it is on its way. */
  body: Buffer | IncomingMessage | null
  method: 'GET' | 'POST'
  isStandalone?: boolean
  onAnswer?: (() => void) | undefined
  /** What the client calls the session, where that is not its id. */
  name?: string | undefined
  /** The session is another one than the client believes, which its answer is to say. */
  reopened?: Reopened | undefined
}

/** A request as it goes to the worker of a session, and who is told of its answer. */
export interface Sent extends Pick<
  ForwardOptions,
  'protocol' | 'method' | 'headers' | 'body' | 'from' | 'downstream'
> {
  traffic: ReturnType<TrafficOf>
  onAnswer: () => void
}

export interface Passing {
  /** Sends it, once. */
  send(what: Sent): void
  /** Sends the request to the worker of its session, and its answer to the client as it comes. */
  pass(what: Passed): void
  /** What every reply of this protocol carries. */
  extraHeaders(request: Incoming, protocol: Protocol): Readonly<Record<string, string>>
}

/**
 * Between the last byte of a worker that was killed and the news of its end: milliseconds, on a
 * machine that is out of memory or busy longer. Only who cuts connections and lives on waits it out.
 */
const cutPauseMs = 5000

export function createPassing(options: {
  clock: Clock
  sessions: Sessions
  guard: Guard
}): Passing {
  const { clock, sessions, guard } = options

  function extraHeaders(request: Incoming, protocol: Protocol): Readonly<Record<string, string>> {
    const usual = guard.headersFor(request.headers.origin)
    const own = protocol.replyHeaders(request.id)
    return own === undefined ? usual : { ...usual, ...own }
  }

  /** Why nothing listens where the worker was. */
  async function explainRefusal(
    session: Session,
    protocol: Protocol,
    cause: Error,
  ): Promise<GatewayError> {
    const { id, server, principal } = session
    if (session.end === undefined) await sessions.doubt(session)
    if (session.end === undefined) return brokenError(cause, session)
    // A session that is called by its name is not to be opened again, but goes on by itself.
    return protocol.isPlain ? endedError(session.end) : sessions.explain(id, server.name, principal)
  }

  function send(what: Sent): void {
    const { traffic, protocol } = what
    const { session } = traffic
    // Each by its name: to copy all of them would take longer than to send them.
    forward({
      upstreams: traffic.upstreams,
      protocol,
      clock,
      method: what.method,
      path: session.endpoint.path,
      headers: what.headers,
      body: what.body,
      from: what.from,
      downstream: what.downstream,
      onAnswer: what.onAnswer,
      onForgotten: () => {
        const isRemote = session.server.launch.kind === 'remote'
        const closed = sessions.close(session, isRemote ? 'upstream-lost' : 'worker-exited')
        inBackground(closed, tellFault('ending a session', ownerOf(session)))
      },
      explainRefusal: (cause) => explainRefusal(session, protocol, cause),
      broken: (cause) => brokenError(cause, session),
      redirected: (statusCode, location) => {
        const how = whereTo(statusCode, location, session)
        if (how === undefined) return undefined
        const { shown: command } = session.server.launch
        const params = { command, what: 'a request of its session', how }
        return new GatewayError('ERR_WORKERS_REFUSED', { params })
      },
      explainCut: () =>
        mayRunOutOfMemory(session) ? untilEnding(session, clock, cutPauseMs) : undefined,
    })
  }

  return {
    extraHeaders,
    send,

    pass(what) {
      const { request, reply, protocol, traffic, method, name } = what
      const { session } = traffic
      const recipient = recipientOf(session, request.id, name)
      const outgoing = takeBody(what)
      reply.hijack()
      const downstream = createDownstream({
        response: reply.raw,
        kind: method === 'GET' ? 'get' : 'post',
        isStandalone: what.isStandalone ?? false,
        protocol,
        clock,
        traffic,
        exchanges: what.exchanges,
        ids: what.ids,
        requestId: request.id,
        extraHeaders: extraHeaders(request, protocol),
        publicId: name ?? session.id,
        isElsewhere: session.server.launch.kind === 'remote',
      })
      const { asked } = request
      if (asked?.server.access !== undefined) {
        leaveOut(downstream, protocol, asked, asksForList(what.messages))
      }
      if (what.reopened !== undefined) {
        tellReopened(downstream, what.ids[0], protocol, what.reopened)
      }
      send({
        traffic,
        protocol,
        method,
        headers: Object.assign(protocol.toWorker(request.headers, recipient), outgoing.headers),
        body: outgoing.body,
        from: fromOf(request),
        downstream,
        onAnswer() {
          outgoing.sent()
          what.onAnswer?.()
        },
      })
    },
  }
}

/** Its worker may have been killed for that, and whoever waits for an answer should hear of it. */
function mayRunOutOfMemory({ server: { launch } }: Session): boolean {
  return launch.kind === 'local' && launch.limits.memoryBytes !== undefined
}

/** A long body is let go of as soon as it has been sent: nothing that lives on may refer to it. */
function takeBody(what: Passed): Taken {
  const { body, request } = what
  what.body = null
  request.body = undefined
  if (body === null || (Buffer.isBuffer(body) && !isLong(body))) {
    return { body, headers: undefined, sent: () => request.charge?.closed() }
  }
  const sent = request.charge?.keep() ?? (() => undefined)
  if (Buffer.isBuffer(body)) {
    const headers = { 'content-length': String(body.length) }
    return { body: Readable.from(inPieces({ body }, sent)), headers, sent }
  }
  const length = body.headers['content-length']
  if (length === undefined) return { body: Buffer.alloc(0), headers: undefined, sent }
  return { body: Readable.from(asItComes(body)), headers: { 'content-length': length }, sent }
}

interface Taken {
  body: Buffer | Readable | null
  headers: Record<string, string> | undefined
  /** The worker has it, or never will. */
  sent(): void
}
