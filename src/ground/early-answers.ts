import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

import type { FastifyInstance } from 'fastify'

import type { Clock } from './clock.ts'
import { hasBody, mayExceed } from './request-body.ts'

/** A body of this length, which came with the head as a rule, is waited for: its connection stays. */
const shortBytes = 64 * 1024

/** What comes after the answer is read so long, and so far: the largest payload there is, and more. */
const drained: Bounds = { ms: 30_000, bytes: 256 * 1024 * 1024 }

interface Bounds {
  ms: number
  bytes: number
}

/**
 * Answers that are given while their request is still on its way: refusals. The answer leaves at
 * once, and what still comes is read and thrown away: many clients read nothing before they have
 * sent all, and one whose connection is closed meanwhile never sees why.
 */
export function answerEarly(app: FastifyInstance, clock: Clock, most: Bounds = drained): void {
  app.addHook('onSend', (request, reply, _payload, done) => {
    const { raw } = request
    if (!raw.complete && mayExceed(raw, shortBytes)) reply.header('connection', 'close')
    done()
  })
  app.server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    if (!hasBody(request)) return
    response.prependOnceListener('finish', () => {
      if (!request.complete && !request.destroyed) drain(request, clock, most)
    })
  })
}

/** Reads the rest of a request that was answered, and closes its connection where that is promised. */
function drain(request: IncomingMessage, clock: Clock, most: Bounds): void {
  const { socket } = request
  let bytes = 0
  let isClosing = false
  const limit = clock.after(most.ms, () => socket.destroy())
  endFirst(socket, () => (isClosing = true))
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > most.bytes) socket.destroy()
  })
  const over = (): void => {
    limit.cancel()
    socket.off('close', over)
    if (isClosing) socket.destroy()
    else Reflect.deleteProperty(socket, 'destroySoon')
  }
  request.once('close', over)
  // A request that was answered hears nothing of the end of its connection.
  socket.once('close', over)
}

/** Closing it means to say no more, and to go on listening. */
function endFirst(socket: Socket, onEnd: () => void): void {
  socket.destroySoon = () => {
    onEnd()
    socket.end()
  }
}
