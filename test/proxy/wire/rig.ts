import { once } from 'node:events'
import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'

import type { Clock } from '../../../src/ground/clock.ts'
import { systemClock } from '../../../src/ground/clock.ts'
import type { Asking, Upstreams } from '../../../src/proxy/asking.ts'
import type { Upstream } from '../../../src/proxy/client-end.ts'
import type { Receiver } from '../../../src/proxy/received.ts'
import { openWire } from '../../../src/proxy/wire/client.ts'
import { atEnd } from '../../support/at-end.ts'
import type { Owner } from '../../support/temp.ts'
import { tempDir } from '../../support/temp.ts'

/** A worker that answers as the test has it: it gets the text of each request. */
export interface Worker {
  wire: Upstreams
  /** Its connections so far, in their order. */
  sockets: Socket[]
  /** Its requests so far: heads and bodies. */
  requests: string[]
}

export type Speak = (socket: Socket, request: string, nth: number) => void

/** @param speak is called when a request with all of its body is there */
export async function startWorker(
  t: Owner,
  speak: Speak,
  { clock = systemClock, isTcp = false }: { clock?: Clock; isTcp?: boolean } = {},
): Promise<Worker> {
  const path = join(tempDir(t), 's')
  const sockets: Socket[] = []
  const requests: string[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    let text = ''
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk
      for (;;) {
        const at = text.indexOf('\r\n\r\n')
        const length = Number(/content-length: *(\d+)/.exec(text.slice(0, at))?.[1] ?? 0)
        if (at === -1 || text.length < at + 4 + length) return
        const request = text.slice(0, at + 4 + length)
        text = text.slice(at + 4 + length)
        requests.push(request)
        speak(socket, request, requests.length)
      }
    })
  })
  if (isTcp) server.listen(0, '127.0.0.1')
  else server.listen(path)
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 1
  const endpoint = {
    ...{ origin: `http://127.0.0.1:${port}`, host: 'localhost', path: '/mcp', headers: {} },
    ...{ ordersStreams: false, ...(isTcp ? {} : { socketPath: path }) },
  }
  const wire = openWire(endpoint, { session: 'abc' }, clock)
  atEnd(t, async () => {
    await wire.destroy()
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { wire, sockets, requests }
}

export interface Answered {
  statusCode: number
  headers: IncomingHttpHeaders
  body: string
}

export const post = (body: Asking['body'] = Buffer.from('{}')): Asking => ({
  ...{ method: 'POST', path: '/mcp', headers: { host: 'localhost' }, body },
})

/** Asks one thing. @throws when it broke */
export function ask(
  wire: Upstreams,
  asking: Asking = post(),
  more: Partial<Receiver> = {},
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const answered: Answered = { statusCode: 0, headers: {}, body: '' }
    wire.dispatch(asking, {
      sent: (upstream: Upstream) => more.sent?.(upstream),
      head(statusCode, headers) {
        answered.statusCode = statusCode
        answered.headers = headers
        more.head?.(statusCode, headers)
      },
      data(chunk) {
        answered.body += chunk.toString('latin1')
        more.data?.(chunk)
      },
      end() {
        resolve(answered)
        more.end?.()
      },
      broke(cause) {
        reject(cause)
        more.broke?.(cause)
      },
    })
  })
}

/** An answer with this body; `head` are further lines of its head. */
export const answer = (body: string, head = ''): string =>
  `HTTP/1.1 200 OK\r\n${head}content-length: ${body.length}\r\n\r\n${body}`
