import type { IncomingMessage, ServerResponse } from 'node:http'
import { Agent, request as httpRequest } from 'node:http'

import { systemClock } from '../ground/clock.ts'
import { createHold } from '../ground/hold.ts'
import { isAnswer } from './passed-headers.ts'
import { nonceHeader } from './protocol.ts'
import { createRelayedStreams, passedStreams } from './relayed-streams.ts'

/** Servers keep an idle connection for five seconds, as a rule; a POST must not meet its end. */
const idleMs = 4000

export interface RelayOptions {
  /** Bytes both ways and nothing else, for a server that speaks no MCP. */
  isPlain?: boolean
  /** Is told of what comes on streams that the keeper keeps. */
  onBytes?: (count: number) => void
}

/**
 * Puts the keeper in front of an HTTP server: bytes both ways, and nothing read but where events
 * begin and end. What it adds is the order of the session's streams, in the one place where all
 * replicas' streams meet, and streams that outlive their connections.
 */
export function createRelay(
  address: string,
  port: number,
  { isPlain = false, onBytes = () => undefined }: RelayOptions = {},
): (request: IncomingMessage, response: ServerResponse) => void {
  const agent = new Agent({ keepAlive: true, timeout: idleMs })
  const hold = createHold(systemClock)
  const streams = isPlain ? passedStreams : createRelayedStreams(systemClock, onBytes)

  return (request, response) => {
    if (streams.serve(request, response)) return
    const release = request.method === 'GET' && !isPlain ? hold.raise() : undefined
    const pass = (): void => {
      // It was cut while it was held.
      if (response.destroyed) return
      // What is said of its own connection is not for ours, which is used again: a server that was
      // told to close it takes the next request on it for a mistake.
      const { [nonceHeader]: nonce, connection, ...headers } = request.headers
      let isAnswered = false
      const upstream = httpRequest(
        {
          ...{ host: address, port, agent, method: request.method, path: request.url, headers },
          maxHeaderSize: 128 * 1024,
        },
        (answer) => {
          if (!isAnswer(answer)) {
            upstream.destroy()
            return
          }
          isAnswered = true
          release?.()
          streams.carry(request, answer, response)
        },
      )
      const fail = (): void => {
        release?.()
        response.destroy()
      }
      upstream.once('error', fail)
      // Without an error, too: what came was no answer.
      upstream.once('close', () => {
        if (!isAnswered) fail()
      })
      response.once('close', () => {
        release?.()
        // That a client goes away cancels nothing, but what it has not sent will never come.
        if (!isAnswered && (request.method === 'GET' || !request.complete)) upstream.destroy()
      })
      request.pipe(upstream)
    }
    const held = request.method === 'POST' ? hold.wait() : undefined
    if (held === undefined) pass()
    else void held.then(pass)
  }
}
