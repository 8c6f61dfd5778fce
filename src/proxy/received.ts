import type { IncomingHttpHeaders } from 'node:http'

import type { Dispatcher } from 'undici'

import { guarded, tellFault } from '../ground/guarded.ts'
import type { FaultOwner } from '../ground/guarded.ts'
import type { Upstream } from './client-end.ts'
import { receivedHeaders } from './received-headers.ts'

/** Is told what comes of a request to a worker. */
export interface Receiver {
  sent(upstream: Upstream): void
  head(statusCode: number, headers: IncomingHttpHeaders): void
  data(chunk: Buffer): void
  end(): void
  /** The connection did not come about, or broke, or what came could not be dealt with. */
  broke(cause: Error): void
}

/**
 * What the client library calls. A throw in here would come back as another call, or out of a socket,
 * and end the process: so it breaks off this one request, and is told.
 */
export function received(receiver: Receiver, owner: FaultOwner): Dispatcher.DispatchHandler {
  let upstream: Upstream | undefined
  let isBroken = false
  let isAnswered = false
  const tell = tellFault('reading what a worker has answered', owner)
  const breakOff = guarded(() => {
    if (isBroken) return
    isBroken = true
    const cause = new Error('The answer could not be dealt with.')
    receiver.broke(cause)
    upstream?.abort(cause)
  }, tell)
  const careful = <A extends unknown[]>(step: (...given: A) => void) =>
    guarded(
      (...given: A) => {
        if (!isBroken) step(...given)
      },
      (thrown) => {
        tell(thrown)
        breakOff()
      },
    )
  return {
    onRequestStart: careful((controller: Upstream) => {
      upstream = controller
      receiver.sent(controller)
    }),
    onResponseStart: careful((_controller: unknown, statusCode: number, headers) => {
      // What comes before the answer (RFC 9110 15.2): the client would take it for one, and the answer
      // for that to its next request.
      if (statusCode < 200) return
      isAnswered = true
      receiver.head(statusCode, receivedHeaders(headers))
    }),
    onResponseData: careful((_controller: unknown, chunk: Buffer) => {
      if (isAnswered) receiver.data(chunk)
    }),
    onResponseEnd: careful(() => {
      if (isAnswered) receiver.end()
      else receiver.broke(new Error('It ended without an answer.'))
    }),
    onResponseError: careful((_controller: unknown, cause: Error) => receiver.broke(cause)),
  }
}
