import type { IncomingHttpHeaders, ServerResponse } from 'node:http'

import type { Clock } from '../ground/clock.ts'
import type { ResolvedCredentials } from '../ground/credentials.ts'
import { GatewayError } from '../ground/errors.ts'
import type { Peek, Protocol } from '../protocols/protocol.ts'
import { asGatewayError } from '../ground/replies.ts'
import type { Sessions } from '../sessions/manager.ts'
import type { Server } from '../sessions/server.ts'
import type { Session } from '../sessions/session.ts'
import type { Downstream, Upstream } from './downstream.ts'
import { createDownstream } from './downstream.ts'
import { createSseReader } from './sse.ts'
import { recipientOf } from './recipient.ts'
import { failedWith, startError } from './worker-errors.ts'
import type { Remaining } from './times.ts'
import { createTimes } from './times.ts'
import type { TrafficOf } from './traffics.ts'

export interface InitializeOptions {
  sessions: Sessions
  trafficOf: TrafficOf
  protocol: Protocol
  clock: Clock
  server: Server
  principal: string
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
  headers: IncomingHttpHeaders
  body: Buffer
  response: ServerResponse
  requestId: string
  extraHeaders: Readonly<Record<string, string>>
  /** Called before the client sees the id. */
  onLive(session: Session): void
  /** Told of what went wrong, for the log; the client has been answered. */
  onError(error: GatewayError): void
}

/**
 * Opens a session: starts a worker, forwards `initialize`, and only when the worker has answered it
 * with a result does the client see its id. A server that keeps no sessions may be sent anything
 * first, and answer what it likes.
 */
export async function initialize(options: InitializeOptions): Promise<void> {
  const { sessions, server, principal, response } = options
  const gone = new AbortController()
  const abandon = (): void => gone.abort(new GatewayError('ERR_SESSIONS_ABANDONED'))
  response.once('close', abandon)
  if (response.destroyed) abandon()
  const open = async (): Promise<Session> => {
    const credentials = await options.credentials?.(gone.signal)
    return sessions.open(server, { principal, credentials }, gone.signal)
  }
  let session: Session
  try {
    session = options.session ?? (await open())
  } catch (thrown) {
    const error = asGatewayError(thrown)
    if (!gone.signal.aborted) answerOf(options).fail(error)
    options.onError(error)
    return
  }
  forwardInitialize(options, session, gone.signal)
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
  })
}

/** What the worker has answered so far, held back until it is known to be a result. */
interface Answer {
  statusCode: number
  headers: IncomingHttpHeaders
  chunks: Buffer[]
  isComplete: boolean
  /** Why it will never be complete. */
  cut?: GatewayError
}

/**
 * A worker that dies is known to be dead, and how, a moment after its connection broke: on a busy
 * machine a long one. Its end cuts this short.
 */
const deathMs = 2000

function forwardInitialize(options: InitializeOptions, session: Session, gone: AbortSignal): void {
  const { sessions, protocol, clock, server, messages } = options
  const awaited = protocol.isStateless ? 'its first request' : 'initialize'
  const traffic = options.trafficOf(session)
  const { endpoint } = session
  let answer: Answer | undefined
  let state: 'waiting' | 'binding' | 'refused' | 'passing' | 'over' = 'waiting'
  let upstream: Upstream | undefined

  let downstream: Downstream | undefined
  let times: Remaining | undefined

  const timeoutMs = session.startingAtMs + server.startTimeoutMs - clock.now()
  const limit = clock.after(Math.max(timeoutMs, 1), () => {
    const command = server.launch.shown
    const params = { command, what: `answer ${awaited}`, timeoutMs: server.startTimeoutMs }
    giveUp(new GatewayError('ERR_WORKERS_START_TIMEOUT', { params }))
  })
  const abandon = (): void => giveUp(new GatewayError('ERR_SESSIONS_ABANDONED'))
  gone.addEventListener('abort', abandon, { once: true })
  session.onEnding((end) => giveUp(startError(end, server)))

  /** Nothing came of it, for a reason of ours. */
  function giveUp(error: GatewayError): void {
    if (state === 'passing' || state === 'over') return
    state = 'over'
    limit.cancel()
    upstream?.abort(error)
    if (!gone.aborted) answerOf(options).fail(error)
    options.onError(error)
    void sessions.fail(session, error)
  }

  /** Nothing came of it, and the worker says why. */
  async function refuse({ statusCode, headers, chunks }: Answer): Promise<void> {
    state = 'refused'
    // It may be the keeper that speaks for a server which died.
    if (endpoint.ordersStreams) await moment()
    if (isOver()) return
    state = 'over'
    limit.cancel()
    const error = refusedWith(statusCode)
    const refusal = answerOf(options)
    if (statusCode >= 400 && protocol.hidesFailures) {
      refusal.fail(error)
    } else {
      refusal.head(statusCode, headers)
      for (const chunk of chunks) refusal.write(chunk)
      refusal.end()
    }
    options.onError(error)
    void sessions.fail(session, error)
  }

  async function bind(
    result: Peek | undefined,
    { statusCode, headers, chunks }: Answer,
  ): Promise<void> {
    state = 'binding'
    upstream?.pause()
    let bound = false
    try {
      bound = await sessions.bind(session, {
        workerSessionId: protocol.workerSessionId(headers),
        protocolVersion: result?.protocolVersion,
        client: messages[0]?.client,
      })
    } catch (thrown) {
      giveUp(asGatewayError(thrown))
      return
    }
    // While we waited the client may have gone, or the session may have ended.
    if (isOver()) return
    if (!bound) {
      giveUp(new GatewayError('ERR_SESSIONS_ENDED', { params: { reason: 'stopped' } }))
      return
    }
    state = 'passing'
    limit.cancel()
    options.onLive(session)
    const passed = answerOf(options, session)
    downstream = passed
    passed.upstream = upstream
    times = createTimes(protocol.isStateless ? protocol.times : undefined, clock, (error) => {
      passed.fail(error)
      upstream?.abort(error)
    })
    times.onHead(protocol.isStream(headers['content-type']))
    if (statusCode >= 400 && protocol.hidesFailures) passed.fail(failedWith(statusCode))
    else passed.head(statusCode, headers)
    for (const chunk of chunks.splice(0)) downstream.write(chunk)
    upstream?.resume()
    if (answer?.cut !== undefined) over(() => passed.fail(answer?.cut))
    else if (answer?.isComplete === true) over(() => passed.end())
  }
  const over = (settle: () => void): void => {
    times?.end()
    settle()
  }
  const isOver = (): boolean => state === 'over'
  const moment = (): Promise<void> => new Promise((resolve) => clock.after(deathMs, resolve))
  const refusedWith = (statusCode: number): GatewayError =>
    new GatewayError('ERR_WORKERS_REFUSED', {
      params: { command: server.launch.shown, what: awaited, how: `it answered ${statusCode}` },
      details: { answered: statusCode },
    })

  /** Looks at a message of the answer: its response settles the matter. */
  const judge = (message: Peek, so: Answer): void => {
    if (message.kind !== 'response' || state !== 'waiting') return
    if (so.statusCode < 300 && message.outcome !== 'error') void bind(message, so)
    else void refuse(so)
  }
  const read = (text: string, so: Answer, isCut = false): void => {
    for (const message of [protocol.readMessage(text, isCut)].flat()) judge(message, so)
  }
  const reader = createSseReader(({ data, isCut }) => {
    if (answer !== undefined && data !== '') read(data, answer, isCut)
  })

  traffic.upstreams.dispatch(
    {
      method: 'POST',
      path: endpoint.path,
      headers: protocol.toWorker(options.headers, recipientOf(session, options.requestId)),
      body: options.body,
    },
    {
      onRequestStart(controller) {
        upstream = controller
        if (state === 'over') controller.abort(new Error('Nobody waits for the answer.'))
      },
      onResponseStart(_controller, statusCode, headers) {
        answer = { statusCode, headers, chunks: [], isComplete: false }
        // 5xx is how a server says that it does not work.
        if (protocol.isStateless && statusCode < 500 && isWaiting()) void bind(undefined, answer)
      },
      onResponseData(_controller, chunk) {
        if (state === 'passing') {
          downstream?.write(chunk)
          return
        }
        answer?.chunks.push(chunk)
        if (answer !== undefined && protocol.isStream(answer.headers['content-type'])) {
          reader.push(chunk.toString('latin1'))
        }
      },
      onResponseEnd() {
        if (answer === undefined) return
        answer.isComplete = true
        if (state === 'passing') {
          over(() => downstream?.end())
          return
        }
        if (state !== 'waiting') return
        if (!protocol.isStream(answer.headers['content-type'])) {
          read(Buffer.concat(answer.chunks).toString('utf8'), answer)
        }
        if (!isWaiting()) return
        // What is no error and no result is nothing that a client could make sense of.
        if (answer.statusCode >= 400) void refuse(answer)
        else giveUp(refusedWith(answer.statusCode))
      },
      onResponseError(_controller, cause) {
        const cut = new GatewayError('ERR_PROXY_WORKER_CUT', { cause })
        if (state === 'passing') over(() => downstream?.fail(cut))
        else if (state === 'binding' && answer !== undefined) answer.cut = cut
        else if (state === 'waiting') void moment().then(() => giveUp(cut))
      },
    },
  )
  const isWaiting = (): boolean => state === 'waiting'
}
