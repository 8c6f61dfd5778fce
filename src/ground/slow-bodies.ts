import type { IncomingMessage, Server, ServerResponse } from 'node:http'

import type { Clock, Timer } from './clock.ts'
import { hasBody } from './request-body.ts'

/** In each such time a body has to bring so much, or be complete. */
const windowMs = 15_000
const leastBytes = 15 * 1024
const lookEveryMs = 1000

interface Receiving {
  response: ServerResponse
  /** When this window began, and what had come by then. */
  sinceMs: number
  bytes: number
}

/**
 * Cuts clients that send a body as slowly as they can, answered already or not. Whoever is not read
 * from is not slow; and how long an answer takes is no matter of this.
 */
export function cutSlowBodies(server: Server, clock: Clock): Timer {
  const all = new Map<IncomingMessage, Receiving>()

  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    if (!hasBody(request)) return
    all.set(request, { response, sinceMs: clock.now(), bytes: request.socket.bytesRead })
    request.once('close', () => {
      // Of one that was answered early the rest is still to come.
      if (request.complete || request.socket.destroyed) all.delete(request)
    })
  })

  return clock.every(lookEveryMs, () => {
    const nowMs = clock.now()
    for (const [request, receiving] of all) {
      const { socket } = request
      if (request.complete || socket.destroyed) {
        all.delete(request)
        continue
      }
      const { bytes, sinceMs, response } = receiving
      // What has come and is not read yet was not slow.
      const isAwaited = request.readableLength === 0 && !socket.isPaused()
      if (!isAwaited || socket.bytesRead - bytes >= leastBytes) {
        receiving.sinceMs = nowMs
        receiving.bytes = socket.bytesRead
      } else if (nowMs - sinceMs >= windowMs) {
        all.delete(request)
        cut(request, response)
      }
    }
  })

  function cut({ socket }: IncomingMessage, { headersSent }: ServerResponse): void {
    if (headersSent) socket.destroy()
    else {
      const error = Object.assign(new Error('the body came too slowly'), {
        code: 'ERR_HTTP_REQUEST_TIMEOUT',
      })
      server.emit('clientError', error, socket)
    }
  }
}
