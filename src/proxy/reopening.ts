import type { Credentials } from '../auth/credentials.ts'
import type { Clock } from '../ground/clock.ts'
import { GatewayError } from '../ground/errors.ts'
import { guarded, inBackground, tellFault } from '../ground/guarded.ts'
import { parseJson } from '../ground/json.ts'
import type { Peek, Protocol } from '../protocols/protocol.ts'
import type { Sessions } from '../sessions/manager.ts'
import type { Reopened } from '../sessions/record.ts'
import type { Server } from '../sessions/server.ts'
import type { Session } from '../sessions/session.ts'
import { ownerOf } from '../sessions/session.ts'
import type { Asked } from './asked.ts'
import type { Equipping } from './equip.ts'
import { resolverOf } from './equip.ts'
import { createFirstAnswer } from './first-answer.ts'
import { firstAnswerErrors } from './first-answer-errors.ts'
import type { Incoming } from './incoming.ts'
import { recipientOf } from './recipient.ts'
import { unlimited } from './times.ts'
import type { TrafficOf } from './traffics.ts'
import { brokenError, startError } from './worker-errors.ts'

/** How a request goes on whose session has ended, at a server with `onExpired: reopen`. */
export interface Reopening {
  /**
   * Whether this message may open another session. One that is no request, or says no more than that
   * somebody is there, would keep a worker running for nobody; and an answer was to a question of
   * the old one. None of them has been sent to a worker.
   */
  mayOpen(asked: Asked, messages: readonly Peek[]): boolean
  /**
   * The session that goes on under the public id of the request, initialized as its client once did.
   *
   * @throws `asked.missing` where none is to be opened, and what opening one throws
   */
  open(request: Incoming, asked: Asked, gone: AbortSignal): Promise<ReopenedSession>
}

export interface ReopenedSession {
  session: Session
  reopened: Reopened
}

export interface ReopeningOptions {
  clock: Clock
  sessions: Sessions
  credentials: Credentials
  equipping: Equipping
  trafficOf: TrafficOf
}

/** What a client says of itself is kept with its session only if it is no longer than this. */
const keptBytes = 4096

/** What is to be kept of an `initialize`; nothing where it will not be needed, or is too long. */
export function keptOf(
  { onExpired }: Server,
  first: Peek | undefined,
  body: Buffer,
): string | undefined {
  if (onExpired !== 'reopen' || first?.method !== 'initialize') return undefined
  const read = parseJson(body.toString())
  if (!read.ok) return undefined
  const { params = {} } = Object(read.value) as { params?: unknown }
  const text = JSON.stringify(params)
  return Buffer.byteLength(text) <= keptBytes ? text : undefined
}

/** No client sees it, or has used it in this session. */
const initializeId = 'berth-initialize'
const initialized = Buffer.from('{"jsonrpc":"2.0","method":"notifications/initialized"}')
const silent = { write: () => undefined, end: () => undefined, fail: () => undefined }

export function createReopening(options: ReopeningOptions): Reopening {
  const { clock, sessions, trafficOf } = options

  return {
    mayOpen({ server, publicId, protocol }, messages) {
      const [first] = messages
      if (server.onExpired !== 'reopen' || publicId === undefined) return false
      if (protocol.isStateless || messages.length !== 1 || first?.kind !== 'request') return false
      return first.method !== 'initialize' && first.method !== 'ping'
    },

    async open(request, asked, gone) {
      const { server, principal, publicId = '' } = asked
      const opener = { principal, credentials: resolverOf(options.credentials, asked) }
      const opened = await sessions.reopening.open(server, opener, publicId, gone)
      if (opened === undefined) throw asked.missing
      const { session, isNew, reopened } = opened
      if (isNew) await initializeAgain(request, asked, session, gone)
      else await options.equipping.equip(session, asked)
      return { session, reopened }
    },
  }

  /** Says to the new worker what the client has said to the first one. */
  function initializeAgain(
    request: Incoming,
    { protocol, publicId }: Asked,
    session: Session,
    gone: AbortSignal,
  ): Promise<void> {
    const { server, endpoint, record } = session
    const { upstreams } = trafficOf(session)
    const body = Buffer.from(
      `{"jsonrpc":"2.0","id":"${initializeId}","method":"initialize","params":${record.initialize ?? '{}'}}`,
    )
    const { refusal, flooded, late } = firstAnswerErrors(session, 'initialize')
    const broken = (cause: Error): GatewayError => brokenError(cause, session)
    const ask = (what: { body: Buffer; workerSessionId?: string | undefined }) => {
      const recipient = recipientOf(session, request.id, publicId)
      const { workerSessionId = recipient.workerSessionId } = what
      const headers = protocol.toWorker(request.headers, { ...recipient, workerSessionId })
      return { method: 'POST', path: endpoint.path, headers, body: what.body }
    }

    return new Promise((resolve, reject) => {
      const onFault = tellFault('reopening a session', ownerOf(session))
      const abandon = guarded(
        () => answer.giveUp(new GatewayError('ERR_SESSIONS_ABANDONED')),
        onFault,
      )
      const settled = (): void => {
        limit.cancel()
        forget()
        gone.removeEventListener('abort', abandon)
      }
      const fail = (error: GatewayError): void => {
        settled()
        inBackground(sessions.fail(session, error), onFault)
        reject(error)
      }
      const answer = createFirstAnswer({
        protocol,
        id: initializeId,
        isKept: endpoint.ordersStreams,
        async bind({ headers }, result) {
          const workerSessionId = protocol.workerSessionId(headers)
          const protocolVersion = result?.protocolVersion
          const spokenVersion = request.headers['mcp-protocol-version'] ?? protocolVersion
          // Another version of the server: the client has to find out what it speaks now.
          if (spokenVersion !== protocolVersion) throw new GatewayError('ERR_SESSIONS_NOT_FOUND')
          await sayInitialized(ask({ body: initialized, workerSessionId }))
          const [peek] = messagesOf(protocol, body)
          return sessions.bind(session, { workerSessionId, protocolVersion, client: peek?.client })
        },
        untilDeathIsKnown: () => Promise.resolve(),
        pass() {
          settled()
          resolve()
          return { downstream: silent, times: unlimited }
        },
        refuse: (answered) => fail(refusal(answered)),
        fail,
        broken,
        senseless: refusal,
        flooded,
      })
      const limit = clock.after(server.startTimeoutMs, () => answer.giveUp(late()))
      const forget = session.onEnding((end) => answer.giveUp(startError(end, server)))
      gone.addEventListener('abort', abandon, { once: true })
      if (gone.aborted) abandon()
      else upstreams.dispatch(ask({ body }), answer)
    })

    /** Settles when the worker has it: before that it may refuse every request. */
    function sayInitialized(asking: ReturnType<typeof ask>): Promise<void> {
      return new Promise((resolve, reject) => {
        upstreams.dispatch(asking, {
          sent: () => undefined,
          head(statusCode) {
            if (statusCode < 400) return
            const command = server.launch.shown
            const how = `it answered ${statusCode}`
            const params = { command, what: 'notifications/initialized', how }
            reject(new GatewayError('ERR_WORKERS_REFUSED', { params }))
          },
          data: () => undefined,
          end: resolve,
          broke: (cause) => reject(broken(cause)),
        })
      })
    }
  }
}

function messagesOf(protocol: Protocol, body: Buffer): readonly Peek[] {
  const posted = protocol.read(body)
  return 'messages' in posted ? posted.messages : []
}
