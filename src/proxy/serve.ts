import type { Credentials } from '../auth/credentials.ts'
import type { Clock } from '../ground/clock.ts'
import { GatewayError } from '../ground/errors.ts'
import { inBackground, tellFault } from '../ground/guarded.ts'
import type { Peek, Posted, Protocol } from '../protocols/protocol.ts'
import type { Sessions } from '../sessions/manager.ts'
import type { Reopened } from '../sessions/record.ts'
import type { Session } from '../sessions/session.ts'
import { ownerOf } from '../sessions/session.ts'
import { admit } from './admission.ts'
import type { Asked } from './asked.ts'
import { goneOf } from './client-end.ts'
import type { ChosenIds } from './chosen-ids.ts'
import { countIn } from './count-in.ts'
import type { Equipping } from './equip.ts'
import { resolverOf } from './equip.ts'
import type { Exchange } from './exchange.ts'
import { fromOf } from './from.ts'
import { idRequired } from './id-required.ts'
import type { Incoming, Outgoing } from './incoming.ts'
import { initialize } from './initialize.ts'
import type { Invoke } from './invoke.ts'
import type { Passing } from './pass.ts'
import type { Quotas } from './quotas.ts'
import { createReopening } from './reopening.ts'
import { checkStreams } from './traffic.ts'
import type { Traffics } from './traffics.ts'
import { createUseCheck } from './use-check.ts'

export interface ServingOptions {
  clock: Clock
  sessions: Sessions
  credentials: Credentials
  quotas: Quotas | undefined
  equipping: Equipping
  traffics: Traffics
  chosenIds: ChosenIds
  passing: Passing
  /** Answers for servers that speak no MCP. */
  invoke: Invoke
  /** For the log; the client has been answered. */
  report(request: Incoming, error: GatewayError): void
}

/**
 * Answers a request that was let in: POST, GET or DELETE of a session, or `initialize`. It throws,
 * or rejects with, what the client is to be told.
 */
export type Serve = (request: Incoming, reply: Outgoing) => undefined | Promise<void>

export function createServing(options: ServingOptions): Serve {
  const { clock, sessions, traffics, chosenIds, passing, invoke, equipping, quotas } = options
  const isRefused = createUseCheck(options)
  const reopening = createReopening({ ...options, trafficOf: traffics.of })

  /** Synchronous as far as it can be: a promise for each call would cost more than it says. */
  return function serve(request, reply) {
    const { asked } = request
    if (asked === null) throw new GatewayError('ERR_PROXY_INTERNAL')
    const { session, protocol } = asked
    if (protocol.isPlain) return invoke(request, reply, asked)
    if (asked.missing !== undefined) return goOn(request, reply, asked)
    if (request.method === 'POST') return handlePost(request, reply, asked)
    if (session === undefined) throw idRequired(request.headers)
    if (request.method === 'GET') {
      // What is resumed may be an exchange.
      const isResumed = request.headers['last-event-id'] !== undefined
      const confirmed = isResumed ? sessions.confirm(session) : undefined
      const get = (): void => handleGet(request, reply, asked, session)
      if (confirmed !== undefined) return confirmed.then(() => checkOpen(session)).then(get)
      get()
    } else if (protocol.endsOnDelete) {
      const closed = sessions.close(session, 'client-deleted')
      inBackground(closed, tellFault('ending a session', ownerOf(session)))
      const headers = protocol.toClient({}, asked.publicId ?? session.id)
      reply.say(200, { ...passing.extraHeaders(request, protocol), ...headers })
    } else throw new GatewayError('ERR_SESSIONS_NOT_FOUND')
    return undefined
  }

  function handlePost(request: Incoming, reply: Outgoing, asked: Asked): undefined | Promise<void> {
    const { session, chosenId, protocol } = asked
    const body = bodyOf(request)
    const posted = protocol.read(body)
    if (posted.form === 'not-json') throw new GatewayError('ERR_PROXY_NOT_JSON')
    if (posted.form === 'too-much') throw new GatewayError('ERR_PROXY_TOO_INTRICATE')
    if (posted.form === 'not-rpc') throw new GatewayError('ERR_PROXY_NOT_RPC')
    const { messages } = posted
    if (asked.server.access !== undefined && isRefused(request, reply, asked, { body, messages })) {
      return undefined
    }
    if (protocol.isStateless && session === undefined) {
      return openStateless(request, reply, asked, { messages, body })
    }
    if (!protocol.isStateless && (session === undefined || chosenId !== undefined)) {
      const opening = openingOf(posted)
      if (opening !== undefined) {
        open(request, reply, asked, { messages: [opening], body })
        return undefined
      }
    }
    if (session !== undefined) return postTo(session, request, reply, asked, { messages, body })
    if (chosenId === undefined) throw idRequired(request.headers)
    // A public id in the other header, of a session that another gateway has opened.
    return sessions
      .lookup(chosenId, asked.server.name, asked.principal)
      .then((found) => postTo(found, request, reply, asked, { messages, body }))
  }

  /** Its session has ended: another one, where that is configured, or what there is to say. */
  function goOn(request: Incoming, reply: Outgoing, asked: Asked): undefined | Promise<void> {
    const body = bodyOf(request)
    const isAsking = request.method === 'POST' && asked.server.onExpired === 'reopen'
    const posted = isAsking ? asked.protocol.read(body) : undefined
    if (posted?.form !== 'message' || !reopening.mayOpen(asked, posted.messages)) {
      throw asked.missing as Error
    }
    const { messages } = posted
    if (asked.server.access !== undefined && isRefused(request, reply, asked, { body, messages })) {
      return undefined
    }
    return reopening
      .open(request, asked, goneOf(reply.raw))
      .then(({ session, reopened }) =>
        postTo(session, request, reply, asked, { messages, body, reopened }),
      )
  }

  function postTo(
    session: Session,
    request: Incoming,
    reply: Outgoing,
    asked: Asked,
    { messages, body, reopened }: Message,
  ): undefined | Promise<void> {
    const traffic = traffics.of(session)
    const held = messages.some(isRequest) ? traffic.hold.wait() : undefined
    const confirmed = sessions.confirm(session)
    const name = nameOf(session, asked)
    const what = { protocol: asked.protocol, messages, body, name, reopened }
    if (held === undefined && confirmed === undefined) {
      post(request, reply, asked, traffic, what)
      return undefined
    }
    return Promise.all([held, confirmed])
      .then(() => checkOpen(session))
      .then(() => post(request, reply, asked, traffic, what))
  }

  /** It may have ended while the request waited. */
  async function checkOpen({ id, server, principal, end }: Session): Promise<void> {
    if (end !== undefined) throw await sessions.explain(id, server.name, principal)
  }

  /** A name that the client has chosen is that of one session, whoever opens it. */
  function openStateless(
    request: Incoming,
    reply: Outgoing,
    asked: Asked,
    what: { messages: Peek[]; body: Buffer },
  ): undefined | Promise<void> {
    const { chosenId, server, principal } = asked
    if (chosenId === undefined) {
      open(request, reply, asked, what)
      return undefined
    }
    const credentials = resolverOf(options.credentials, asked)
    const opener = { principal, credentials, allowance: quotas?.of(asked.caller) }
    return sessions
      .openNamed(server, opener, chosenId, goneOf(reply.raw))
      .then(async ({ session, isNew }) => {
        if (isNew) {
          open(request, reply, asked, what, session)
          return
        }
        await equipping.equip(session, asked)
        await postTo(session, request, reply, asked, what)
      })
  }

  function open(
    request: Incoming,
    reply: Outgoing,
    asked: Asked,
    { messages, body }: { messages: Peek[]; body: Buffer },
    session?: Session,
  ): void {
    const { protocol, server, principal, chosenId } = asked
    reply.hijack()
    const opened = initialize({
      sessions,
      trafficOf: traffics.of,
      protocol,
      clock,
      server,
      principal,
      caller: asked.caller,
      credentials: resolverOf(options.credentials, asked),
      allowance: quotas?.of(asked.caller),
      session,
      messages,
      headers: request.headers,
      body,
      from: fromOf(request),
      response: reply.raw,
      requestId: request.id,
      extraHeaders: passing.extraHeaders(request, protocol),
      onLive: (live) => {
        if (chosenId !== undefined && !protocol.isStateless) chosenIds.add(chosenId, live)
      },
      onError: (error) => options.report(request, error),
    })
    inBackground(opened, (thrown) => {
      tellFault('opening a session', { server: server.name })(thrown)
      reply.raw.destroy()
    })
  }

  function post(
    request: Incoming,
    reply: Outgoing,
    asked: Asked,
    traffic: ReturnType<typeof traffics.of>,
    what: Message & { protocol: Protocol; name: string | undefined },
  ): void {
    const { protocol, body, name, reopened, messages } = what
    const { exchanges, ids } =
      quotas === undefined
        ? countIn(traffic, messages)
        : admit(quotas, asked, messages, () => countIn(traffic, messages))
    passing.pass({
      request,
      reply,
      protocol,
      traffic,
      exchanges,
      ids,
      body,
      method: 'POST',
      name,
      reopened,
      messages,
    })
  }

  function handleGet(request: Incoming, reply: Outgoing, asked: Asked, session: Session): void {
    const { protocol, release } = asked
    const traffic = traffics.of(session)
    const resumed = request.headers['last-event-id']
    const eventId = typeof resumed === 'string' && resumed !== '' ? resumed : undefined
    let exchanges: Exchange[] = []
    if (eventId === undefined) {
      for (const stream of [...traffic.streams]) if (stream.isStandalone) stream.supersede()
    } else {
      const replaced = [...traffic.streams].filter((stream) => stream.hasCarried(eventId))
      if (replaced.length === 0) checkStreams(traffic)
      exchanges = traffic.withEvent(eventId)
      for (const exchange of exchanges) traffic.carry(exchange)
      for (const stream of replaced) stream.supersede()
    }
    passing.pass({
      request,
      reply,
      protocol,
      traffic,
      exchanges,
      ids: [],
      body: null,
      method: 'GET',
      messages: [],
      isStandalone: eventId === undefined,
      onAnswer: release,
      name: nameOf(session, asked),
    })
  }
}

interface Message {
  messages: Peek[]
  body: Buffer
  /** The session is another one than the client believes. */
  reopened?: Reopened | undefined
}

/** What the client calls a session that goes on under the id of another one. */
function nameOf({ id }: Session, { publicId }: Asked): string | undefined {
  return publicId === id ? undefined : publicId
}

const bodyOf = ({ body }: Incoming): Buffer => (Buffer.isBuffer(body) ? body : Buffer.alloc(0))

const isRequest = ({ kind }: Peek): boolean => kind === 'request'

/** The `initialize` request that opens a session. It may not stand in a batch (2025-03-26, lifecycle). */
function openingOf(posted: Posted): Peek | undefined {
  if (posted.form !== 'message') return undefined
  const [message] = posted.messages
  return message.method === 'initialize' && message.kind === 'request' ? message : undefined
}
