import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { join } from 'node:path'

import { createFrameServer } from '../../src/keeper/frame-server.ts'
import type { FrameServer } from '../../src/keeper/frame-server.ts'
import type { Asked, Reply } from '../../src/keeper/reply.ts'
import { servedWhole } from '../../src/keeper/whole-request.ts'
import { openFrameUpstreams } from '../../src/proxy/frame-upstreams.ts'
import type { HeaderMap } from '../../src/protocols/protocol.ts'
import type { Upstreams } from '../../src/proxy/asking.ts'
import type { Endpoint } from '../../src/workers/driver.ts'
import { atEnd } from '../support/at-end.ts'
import type { Owner } from '../support/temp.ts'
import { tempDir } from '../support/temp.ts'

export interface FrameStand {
  endpoint: Endpoint
  frames: FrameServer
  server: Server
  /** What went wrong in the keeper's part. */
  faults: unknown[]
  /** Connections that have come, and been let in. */
  connections(): number
}

/** A unix socket that takes frames, as a keeper's does. */
export async function startFrames(
  t: Owner,
  serve: (asked: Asked, reply: Reply) => void,
): Promise<FrameStand> {
  const socketPath = join(tempDir(t), 's')
  const faults: unknown[] = []
  let connections = 0
  const frames = createFrameServer(serve, (thrown) => faults.push(thrown))
  const server = createServer()
  server.on('upgrade', (_request, socket, first) => {
    connections += 1
    atEnd(t, () => void socket.destroy())
    frames.accept(socket, first)
  })
  server.listen(socketPath)
  await once(server, 'listening')
  atEnd(t, () => void server.close())
  const endpoint: Endpoint = {
    origin: 'http://localhost',
    host: 'localhost',
    socketPath,
    frames: true,
    path: '/mcp',
    headers: {},
    ordersStreams: true,
  }
  return { endpoint, frames, server, faults, connections: () => connections }
}

export interface Bridge {
  handle(incoming: IncomingMessage, response: ServerResponse): void
}

/**
 * HTTP on one side, and on the other the way of the gateway to a face: one connection of frames. What
 * no gateway asks over frames goes to the face as HTTP.
 *
 * @param onServed is told when the face gets what a request asks, and of the end of its answer
 */
export async function bridge(
  t: Owner,
  face: { handle(asked: Asked, reply: Reply): void },
  onServed: (incoming: IncomingMessage, closed: Promise<void>, reply: Reply) => void,
): Promise<Bridge> {
  const asking: IncomingMessage[] = []
  const serve = (asked: Asked, reply: Reply): void => {
    const incoming = asking.shift()
    const closed = new Promise<void>((resolve) => void reply.on('close', resolve))
    if (incoming !== undefined) onServed(incoming, closed, reply)
    face.handle(asked, reply)
  }
  const stand = await startFrames(t, serve)
  const upstreams = openFrameUpstreams(stand.endpoint, {})
  atEnd(t, () => upstreams.destroy())
  const whole = servedWhole(serve, (thrown) => stand.faults.push(thrown))

  return {
    handle(incoming, response) {
      response.on('error', () => undefined)
      if (!['GET', 'POST', 'DELETE'].includes(incoming.method ?? '')) {
        asking.push(incoming)
        whole(incoming, response)
        return
      }
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('end', () => {
        asking.push(incoming)
        pass(upstreams, incoming, Buffer.concat(chunks), response)
      })
    },
  }
}

function pass(
  upstreams: Upstreams,
  { method = '', headers }: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
): void {
  let pause = (): void => undefined
  upstreams.dispatch(
    { method, path: '/mcp', headers: headers as HeaderMap, body },
    {
      sent(upstream) {
        response.on('close', () => upstream.abort(new Error('The client has gone.')))
        response.on('drain', () => upstream.resume())
        pause = () => upstream.pause()
      },
      head(statusCode, answered) {
        response.writeHead(statusCode, answered)
        response.flushHeaders()
      },
      data(chunk) {
        if (!response.write(chunk)) pause()
      },
      end: () => response.end(),
      broke: () => response.destroy(),
    },
  )
}
