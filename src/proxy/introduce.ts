import type { IncomingHttpHeaders } from 'node:http'

import type { Clock } from '../ground/clock.ts'
import { GatewayError } from '../ground/errors.ts'
import { guarded, inBackground, tellFault } from '../ground/guarded.ts'
import type { Peek, Protocol } from '../protocols/protocol.ts'
import type { Sessions } from '../sessions/manager.ts'
import type { Session } from '../sessions/session.ts'
import { ownerOf } from '../sessions/session.ts'
import { createFirstAnswer } from './first-answer.ts'
import { firstAnswerErrors } from './first-answer-errors.ts'
import type { Answered } from './judge.ts'
import type { From } from './from.ts'
import { recipientOf } from './recipient.ts'
import { unlimited } from './times.ts'
import type { TrafficOf } from './traffics.ts'
import { brokenError, startError } from './worker-errors.ts'

/** What is said to a new worker in place of a client. */
export interface Introduction {
  protocol: Protocol
  /** `params` of `initialize`, as JSON. */
  params: string
  /** Of the request on whose behalf it is said. */
  headers: IncomingHttpHeaders
  requestId: string
  from?: From | undefined
  /** What the client calls the session, where that is not its id. */
  publicId?: string | undefined
  /**
   * Whether the session may speak that version.
   *
   * @throws what the client is told otherwise
   */
  checkVersion?(protocolVersion: string | undefined): void
  gone: AbortSignal
}

/** No client sees it, or has used it in this session. */
const initializeId = 'berth-initialize'
const initialized = Buffer.from('{"jsonrpc":"2.0","method":"notifications/initialized"}')
const silent = { write: () => undefined, end: () => undefined, fail: () => undefined }

/**
 * Brings a session to life that no client initializes by itself: `initialize`, its answer, and
 * `notifications/initialized`.
 *
 * @returns the messages with which the worker has answered, the result among them
 * @throws what was wrong, after the session has ended of it
 */
export function introduce(
  { clock, sessions, trafficOf }: { clock: Clock; sessions: Sessions; trafficOf: TrafficOf },
  session: Session,
  introduction: Introduction,
): Promise<Buffer> {
  const { protocol, params, headers, requestId, publicId, checkVersion, gone } = introduction
  const { from } = introduction
  const { server, endpoint } = session
  const { upstreams } = trafficOf(session)
  const body = Buffer.from(
    `{"jsonrpc":"2.0","id":"${initializeId}","method":"initialize","params":${params}}`,
  )
  const { refusal, flooded, late } = firstAnswerErrors(session, 'initialize')
  const broken = (cause: Error): GatewayError => brokenError(cause, session)
  const ask = (what: { body: Buffer; workerSessionId?: string | undefined }) => {
    const recipient = recipientOf(session, requestId, publicId)
    const { workerSessionId = recipient.workerSessionId } = what
    const out = protocol.toWorker(headers, { ...recipient, workerSessionId })
    return { method: 'POST', path: endpoint.path, headers: out, body: what.body, from }
  }

  return new Promise((resolve, reject) => {
    const onFault = tellFault('introducing a client to a worker', ownerOf(session))
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
      async bind({ headers: answered }, result) {
        const workerSessionId = protocol.workerSessionId(answered)
        const protocolVersion = result?.protocolVersion
        checkVersion?.(protocolVersion)
        await sayInitialized(ask({ body: initialized, workerSessionId }))
        const [peek] = messagesOf(protocol, body)
        return sessions.bind(session, { workerSessionId, protocolVersion, client: peek?.client })
      },
      untilDeathIsKnown: () => Promise.resolve(),
      pass(answered: Answered) {
        settled()
        resolve(Buffer.concat(answered.held.chunks))
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
          const about = { command, what: 'notifications/initialized', how }
          reject(new GatewayError('ERR_WORKERS_REFUSED', { params: about }))
        },
        data: () => undefined,
        end: resolve,
        broke: (cause) => reject(broken(cause)),
      })
    })
  }
}

function messagesOf(protocol: Protocol, body: Buffer): readonly Peek[] {
  const posted = protocol.read(body)
  return 'messages' in posted ? posted.messages : []
}
