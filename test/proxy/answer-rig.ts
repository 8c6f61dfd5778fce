import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

import { atEnd } from '../support/at-end.ts'
import type { Owner } from '../support/temp.ts'

export interface Received {
  /** Whether the answer came to its end, was cut before, or the client has not waited for it. */
  how: 'whole' | 'cut' | 'left'
  statusCode: number | undefined
  body: string
}

/** A request that waits to be answered, and the client that has sent it. */
export interface Waiting {
  response: ServerResponse
  received: Promise<Received>
  /** The client's side of the answer, as soon as there is a head. */
  incoming: Promise<IncomingMessage>
  /** The client goes; settles when the server knows. */
  leave(): Promise<void>
}

/** Real clients of a real server that answers nothing by itself. */
export async function startWaiting(t: Owner): Promise<() => Promise<Waiting>> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(t, () => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo

  return async () => {
    const sent = request({ host: '127.0.0.1', port, agent: false }).end()
    let hasLeft = false
    const incoming = once(sent, 'response').then(([head]) => head as IncomingMessage)
    const received = incoming
      .then(read, () => nothing)
      .then((got): Received => (hasLeft ? { ...got, how: 'left' } : got))
    sent.on('error', () => undefined)
    const [, response] = (await once(server, 'request')) as [unknown, ServerResponse]
    return {
      response,
      received,
      incoming,
      async leave() {
        if (response.destroyed || response.closed) return
        hasLeft = true
        const closed = once(response, 'close')
        sent.destroy()
        await closed
      },
    }
  }
}

const nothing: Received = { how: 'cut', statusCode: undefined, body: '' }

async function read(incoming: IncomingMessage): Promise<Received> {
  const { statusCode } = incoming
  let body = ''
  try {
    for await (const chunk of incoming.setEncoding('utf8')) body += chunk as string
    return { how: 'whole', statusCode, body }
  } catch {
    return { how: 'cut', statusCode, body }
  }
}
