import type { IncomingHttpHeaders, ServerResponse } from 'node:http'

import type { Caller } from '../auth/check.ts'
import type { Clock } from '../ground/clock.ts'
import type { ResolvedCredentials } from '../ground/credentials.ts'
import { GatewayError } from '../ground/errors.ts'
import { guarded, inBackground, tellFault } from '../ground/guarded.ts'
import type { Peek, Protocol } from '../protocols/protocol.ts'
import { asGatewayError } from '../ground/replies.ts'
import type { Sessions } from '../sessions/manager.ts'
import type { Allowance } from '../sessions/allowance.ts'
import type { Server } from '../sessions/server.ts'
import type { Session } from '../sessions/session.ts'
import { ownerOf } from '../sessions/session.ts'
import { asksForList } from './access.ts'
import type { Upstream } from './client-end.ts'
import { goneOf } from './client-end.ts'
import type { Downstream } from './downstream.ts'
import { createDownstream } from './downstream.ts'
import type { Passage } from './first-answer.ts'
import type { From } from './from.ts'
import { createFirstAnswer } from './first-answer.ts'
import { firstAnswerErrors } from './first-answer-errors.ts'
import type { Answered } from './judge.ts'
import { leaveOut } from './leave-out.ts'
import { recipientOf } from './recipient.ts'
import { wordsOfRefusal } from './refusal.ts'
import { keptOf } from './reopening.ts'
import { brokenError, failedWith, startError } from './worker-errors.ts'
import { createTimes } from './times.ts'
import type { TrafficOf } from './traffics.ts'

export interface InitializeOptions {
  sessions: Sessions
  trafficOf: TrafficOf
  protocol: Protocol
  clock: Clock
  server: Server
  principal: string
  caller: Caller
  /** Opened already, under a name; else one is opened. */
  session: Session | undefined
  /** The `initialize` request; or, for a server that keeps no sessions, whatever came first. */
  messages: Peek[]
  /**
   * What the worker gets of who opens the session; undefined where it gets nothing.
   *
   * @throws what there is to say to a client that lacks something
   */
  credentials: ((signal: AbortSignal) => Promise<ResolvedCredentials>) | undefined
  allowance: Allowance | undefined
  headers: IncomingHttpHeaders
  body: Buffer
  from: From | undefined
  response: ServerResponse
  requestId: string
  extraHeaders: Readonly<Record<string, string>>
  /** Called before the client sees the id. */
  onLive(session: Session): void
  /** Told of what went wrong, for the log; the client is about to be answered. */
  onError(error: GatewayError): void
}

/**
 * Opens a session: starts a worker, forwards `initialize`, and only when the worker has answered it
 * with a result does the client see its id. A server that keeps no sessions may be sent anything
 * first, and answer what it likes.
 */
export async function initialize(options: InitializeOptions): Promise<void> {
  const { sessions, server, principal, allowance, response } = options
  const gone = goneOf(response)
  const open = async (): Promise<Session> => {
    const credentials = await options.credentials?.(gone)
    return sessions.open(server, { principal, credentials, allowance }, gone)
  }
  let session: Session
  try {
    session = options.session ?? (await open())
  } catch (thrown) {
    const error = asGatewayError(thrown)
    options.onError(error)
    if (!gone.aborted) answerOf(options).fail(error)
    return
  }
  askWorker(options, session, gone)
}

/** The response to the client; with a session only when the client may know it. */
function answerOf(options: InitializeOptions, session?: Session): Downstream {
  const { messages, protocol } = options
  const requests = messages.filter(({ kind }) => kind === 'request')
  const traffic = session === undefined ? undefined : options.trafficOf(session)
  return createDownstream({
    ...options,
    kind: 'post',
    isStandalone: false,
    traffic,
    // `initialize` is no exchange: it opens the session in which they are.
    exchanges:
      traffic !== undefined && protocol.isStateless
        ? requests.map((request) => traffic.open(request))
        : [],
    ids: requests.flatMap(({ id }) => id ?? []),
    publicId: session?.id,
    isElsewhere: options.server.launch.kind === 'remote',
  })
}

/**
 * A worker that dies is known to be dead, and how, a moment after its connection broke: on a busy
 * machine a long one. Its end cuts this short.
 */
const deathMs = 2000
const moment = (clock: Clock): Promise<void> =>
  new Promise((resolve) => clock.after(deathMs, resolve))

/** Sends the first request to the worker, and waits for whatever settles the matter. */
function askWorker(options: InitializeOptions, session: Session, gone: AbortSignal): void {
  const { protocol, clock, server } = options
  const { endpoint } = session
  const onFault = tellFault('opening a session', ownerOf(session))
  // Of what runs elsewhere no more is ever known than that it did not answer.
  const isRemote = server.launch.kind === 'remote'
  const awaited = protocol.isStateless ? 'its first request' : 'initialize'
  const timeoutMs = session.startingAtMs + server.startTimeoutMs - clock.now()
  const { refusal, flooded, late } = firstAnswerErrors(session, awaited)
  const limit = clock.after(Math.max(timeoutMs, 1), () => answer.giveUp(late()))
  // The log first: whoever has been answered may look there why.
  const fail = (error: GatewayError, tell: () => void): void => {
    options.onError(error)
    tell()
    inBackground(options.sessions.fail(session, error), onFault)
  }

  let forget = (): void => undefined
  /** The session lives on, and is not to hold what has opened it. */
  const settled = (): void => {
    limit.cancel()
    forget()
  }

  const answer = createFirstAnswer({
    protocol,
    id: options.messages[0]?.id,
    isKept: endpoint.ordersStreams,
    bind: (answered, result) => bind(options, session, answered, result),
    untilDeathIsKnown: () => (isRemote ? Promise.resolve() : moment(clock)),
    pass(answered, upstream) {
      settled()
      return passOn(options, session, answered, upstream)
    },
    refuse(answered) {
      settled()
      const error = refusal(answered)
      fail(error, () => passRefusal(options, answered, error))
    },
    fail(error) {
      settled()
      fail(error, () => {
        if (!gone.aborted) answerOf(options).fail(error)
      })
    },
    broken: (cause) => brokenError(cause, session),
    senseless: refusal,
    flooded,
  })
  const abandon = (): void => answer.giveUp(new GatewayError('ERR_SESSIONS_ABANDONED'))
  gone.addEventListener('abort', guarded(abandon, onFault), { once: true })
  forget = session.onEnding((end) => answer.giveUp(startError(end, server)))

  options.trafficOf(session).upstreams.dispatch(
    {
      method: 'POST',
      path: endpoint.path,
      headers: protocol.toWorker(options.headers, recipientOf(session, options.requestId)),
      body: options.body,
      from: options.from,
    },
    answer,
  )
}

function bind(
  { sessions, server, protocol, messages, body }: InitializeOptions,
  session: Session,
  { headers }: Answered,
  result: Peek | undefined,
): Promise<boolean> {
  return sessions.bind(session, {
    workerSessionId: protocol.workerSessionId(headers),
    protocolVersion: result?.protocolVersion,
    client: messages[0]?.client,
    initialize: protocol.isStateless ? undefined : keptOf(server, messages[0], body),
  })
}

/** Lets the client see the session, and the head of the answer. */
function passOn(
  options: InitializeOptions,
  session: Session,
  { statusCode, headers }: Answered,
  upstream: Upstream | undefined,
): Passage {
  const { protocol, clock, server } = options
  options.onLive(session)
  const downstream = answerOf(options, session)
  // A server that keeps no sessions may be asked for a list first.
  const { caller, messages } = options
  if (server.access !== undefined) {
    leaveOut(downstream, protocol, { server, caller }, asksForList(messages))
  }
  downstream.upstream = upstream
  const times = createTimes(protocol.isStateless ? protocol.times : undefined, clock, (error) => {
    downstream.fail(error)
    upstream?.abort(error)
  })
  times.onHead(protocol.isStream(headers['content-type']))
  if (statusCode >= 400 && protocol.hidesFailures) downstream.fail(failedWith(statusCode))
  else downstream.head(statusCode, headers)
  return { downstream, times }
}

function passRefusal(options: InitializeOptions, answered: Answered, error: GatewayError): void {
  const { statusCode, headers } = answered
  const downstream = answerOf(options)
  const words = wordsOfRefusal(answered)
  if (words === undefined || (statusCode >= 400 && options.protocol.hidesFailures)) {
    downstream.fail(error)
    return
  }
  downstream.head(statusCode, headers)
  downstream.write(words)
  downstream.end()
}
