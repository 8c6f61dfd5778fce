import type { IncomingMessage, ServerResponse } from 'node:http'
import { Agent, request as httpRequest } from 'node:http'

import { systemClock } from '../../clock.ts'
import { createHold } from '../../hold.ts'
import { nonceHeader } from './protocol.ts'

/** Servers keep an idle connection for five seconds, as a rule; a POST must not meet its end. */
const idleMs = 4000

/**
 * Puts the keeper in front of an HTTP server: bytes both ways, nothing read. What it adds is the
 * order of the session's streams, in the one place where all replicas' streams meet.
 */
export function createRelay(
  address: string,
  port: number,
): (request: IncomingMessage, response: ServerResponse) => void {
  const agent = new Agent({ keepAlive: true, timeout: idleMs })
  const hold = createHold(systemClock)

  return (request, response) => {
    const release = request.method === 'GET' ? hold.raise() : undefined
    const pass = (): void => {
      // It was cut while it was held.
      if (response.destroyed) return
      // What is said of its own connection is not for ours, which is used again: a server that was
      // told to close it takes the next request on it for a mistake.
      const { [nonceHeader]: nonce, connection, ...headers } = request.headers
      const upstream = httpRequest(
        { host: address, port, agent, method: request.method, path: request.url, headers },
        (answer) => {
          release?.()
          response.writeHead(answer.statusCode ?? 502, answer.headers)
          response.flushHeaders()
          answer.pipe(response)
          answer.once('error', () => response.destroy())
        },
      )
      upstream.once('error', () => {
        release?.()
        response.destroy()
      })
      response.once('close', () => {
        release?.()
        upstream.destroy()
      })
      request.pipe(upstream)
    }
    const held = request.method === 'POST' ? hold.wait() : undefined
    if (held === undefined) pass()
    else void held.then(pass)
  }
}
