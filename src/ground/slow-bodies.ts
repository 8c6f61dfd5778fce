import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

import type { Clock, Timer } from './clock.ts'
import { hasBody } from './request-body.ts'

/** In each such time a body has to bring so much, or be complete. */
const windowMs = 15_000
const leastBytes = 15 * 1024
const lookEveryMs = 1000

interface Receiving {
  request: IncomingMessage
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
  /** The last one of each connection. Those before it have come, or it would not have. */
  const all = new Map<Socket, Receiving>()

  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    if (!hasBody(request)) return
    const { socket } = request
    all.set(socket, { request, response, sinceMs: clock.now(), bytes: socket.bytesRead })
  })

  return clock.every(lookEveryMs, () => {
    const nowMs = clock.now()
    for (const [socket, receiving] of all) {
      const { request, bytes, sinceMs, response } = receiving
      // Of one that was answered early the rest is still to come.
      if (request.complete || socket.destroyed) {
        all.delete(socket)
        continue
      }
      // What has come and is not read yet was not slow.
      const isAwaited = request.readableLength === 0 && !socket.isPaused()
      if (!isAwaited || socket.bytesRead - bytes >= leastBytes) {
        receiving.sinceMs = nowMs
        receiving.bytes = socket.bytesRead
      } else if (nowMs - sinceMs >= windowMs) {
        all.delete(socket)
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
