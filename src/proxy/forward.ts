import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'

import type { Clock } from '../ground/clock.ts'
import { GatewayError } from '../ground/errors.ts'
import { inBackground, tellFault } from '../ground/guarded.ts'
import { isUnreached } from '../ground/unreached.ts'
import type { HeaderMap, Protocol } from '../protocols/protocol.ts'
import type { Downstream } from './downstream.ts'
import type { From } from './from.ts'
import { failedWith } from './worker-errors.ts'
import { createTimes } from './times.ts'
import type { Upstreams } from './asking.ts'

export interface ForwardOptions {
  upstreams: Upstreams
  protocol: Protocol
  clock: Clock
  method: 'GET' | 'POST'
  path: string
  headers: HeaderMap
  /** Gone once it is sent: what is asked again has none. */
  body: Buffer | Readable | null
  from?: From | undefined
  downstream: Downstream
  /** The worker has answered, or never will: what waits for that may go on. */
  onAnswer(): void
  /** The worker does not know its own session any more. */
  onForgotten(): void
  /** Nothing listens where the worker was. What is known of it now may explain why. */
  explainRefusal(cause: Error): Promise<GatewayError>
  /** What is wrong with the connection. */
  broken(cause: Error): GatewayError
  /** Where an answer redirects to, in words for the operator; undefined for one that does not. */
  redirected(statusCode: number, location: string | undefined): GatewayError | undefined
  /**
   * The worker has cut the connection. What it waits for, if anything, may answer the client with
   * a better reason than this one.
   */
  explainCut(): Promise<unknown> | undefined
}

/**
 * A worker that has not yet noticed the end of the stream before answers 409 to the next GET. It
 * mostly does within a few milliseconds, and requests are held until then; each pause is twice as
 * long as the one before.
 */
const conflictPauseMs = 5
const conflictTries = 7
const verdictBytes = 64 * 1024

interface Verdict {
  statusCode: number
  headers: IncomingHttpHeaders
  chunks: Buffer[]
  bytes: number
}

/** Sends one request to the worker and its answer to the client, as it comes. */
export function forward(options: ForwardOptions): void {
  const { upstreams, protocol, clock, method, path, headers, downstream } = options
  let tries = 0
  const times = createTimes(protocol.times, clock, (error) => {
    downstream.fail(error)
    downstream.upstream?.abort(error)
  })

  /** What a worker says of its own failure may be for the operator alone. */
  const passHead = (statusCode: number, answered: IncomingHttpHeaders): void => {
    const redirected = protocol.isPlain
      ? undefined
      : options.redirected(statusCode, answered.location)
    if (redirected !== undefined) {
      downstream.fail(redirected)
      downstream.upstream?.abort(redirected)
    } else if (method === 'POST' && statusCode >= 400 && protocol.hidesFailures) {
      downstream.fail(failedWith(statusCode))
    } else {
      downstream.head(statusCode, answered)
    }
  }

  /** A mistake of ours, where nobody has called this. */
  const broken = (thrown: unknown): void => {
    tellFault('explaining an answer')(thrown)
    downstream.fail(thrown)
  }

  const attempt = (): void => {
    tries += 1
    let isConflict = false
    /** The body of an answer that may mean that the session is forgotten. */
    let verdict: Verdict | undefined
    const passOn = ({ statusCode, headers: answered, chunks }: Verdict): void => {
      verdict = undefined
      passHead(statusCode, answered)
      for (const chunk of chunks) downstream.write(chunk)
    }

    const { body } = options
    options.body = null
    upstreams.dispatch(
      { method, path, headers, body, from: options.from },
      {
        sent(controller) {
          downstream.upstream = controller
          if (downstream.isDone()) controller.abort(new Error('Nobody waits for the answer.'))
        },
        head(statusCode, answered) {
          isConflict = method === 'GET' && statusCode === 409 && tries < conflictTries
          if (isConflict) return
          options.onAnswer()
          times.onHead(protocol.isStream(String(answered['content-type'])))
          if (method === 'POST' && (statusCode === 404 || statusCode === 400)) {
            verdict = { statusCode, headers: answered, chunks: [], bytes: 0 }
          } else {
            passHead(statusCode, answered)
          }
        },
        data(chunk) {
          if (isConflict) return
          if (verdict === undefined) {
            downstream.write(chunk)
          } else {
            verdict.chunks.push(chunk)
            verdict.bytes += chunk.length
            // So much is not said of a session that is gone.
            if (verdict.bytes > verdictBytes) passOn(verdict)
          }
        },
        end() {
          if (isConflict) {
            clock.after(conflictPauseMs * 2 ** (tries - 1), attempt)
            return
          }
          times.end()
          if (verdict !== undefined) {
            const answer = Buffer.concat(verdict.chunks).toString('utf8')
            if (protocol.isForgotten(verdict.statusCode, answer)) {
              // In this order: the end of its session would be answered with another error.
              downstream.fail(new GatewayError('ERR_SESSIONS_NOT_FOUND'))
              options.onForgotten()
              return
            }
            passOn(verdict)
          }
          downstream.end()
        },
        broke(cause) {
          times.end()
          options.onAnswer()
          if (downstream.isDone()) return
          if (!isUnreached(cause)) {
            const error = options.broken(cause)
            const explained = options.explainCut()
            if (explained === undefined) downstream.fail(error)
            else
              inBackground(
                explained.then(() => downstream.fail(error)),
                broken,
              )
            return
          }
          const fail = (error: unknown): void => downstream.fail(error)
          // Who could explain it, the store for one, may be away just now.
          inBackground(options.explainRefusal(cause).then(fail, fail), broken)
        },
      },
    )
  }
  attempt()
}
