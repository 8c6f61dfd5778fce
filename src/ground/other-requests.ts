import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'

import { GatewayError } from './errors.ts'
import { guarded, tellFault } from './guarded.ts'
import { rpcReply } from './replies.ts'

/** The answers of a connection that are not complete, oldest first. */
export type OpenAnswers = (socket: Socket) => ServerResponse[]

const onFault = tellFault('a request that the router does not get')

/**
 * What node:http does not hand to the router: requests that want another protocol (they get the one
 * there is, RFC 9110 7.8), a tunnel, or something that nobody knows how to fulfil.
 */
export function answerOthers(server: Server, openAnswers: OpenAnswers): void {
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const again = guarded(() => {
      if (socket.destroyed) return
      socket.unshift(Buffer.concat([Buffer.from(headWithoutUpgrade(request), 'latin1'), head]))
      server.emit('connection', socket)
    }, cut(socket))
    afterAnswers(openAnswers(socket), socket, again)
  })
  server.on('connect', (_request: IncomingMessage, socket: Socket) => {
    const say = guarded(() => {
      const { statusCode, body } = rpcReply(new GatewayError('ERR_PROXY_METHOD'), { requestId: '' })
      socket.end(wholeAnswer(statusCode, body, ['Allow: POST, GET, DELETE, OPTIONS']))
    }, cut(socket))
    socket.on('error', () => socket.destroy())
    socket.resume()
    afterAnswers(openAnswers(socket), socket, say)
  })
  server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    const { statusCode, body } = rpcReply(new GatewayError('ERR_PROXY_EXPECT'), { requestId: '' })
    const headers = { 'content-type': 'application/json', connection: 'close' }
    response.writeHead(statusCode, headers).end(body)
  })
}

/** Written past node:http, as the last of a connection. */
export function wholeAnswer(statusCode: number, body: string, further: string[] = []): string {
  const head = [
    `HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode]}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...further,
    'Connection: close',
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}

/** The answers to what was asked before come first. Nobody but us listens to the socket any more. */
function afterAnswers(answers: ServerResponse[], socket: Socket, next: () => void): void {
  const last = answers.at(-1)
  if (last === undefined) {
    next()
    return
  }
  const drained = (): void => {
    for (const answer of answers) if (answer.socket === socket) answer.emit('drain')
  }
  const broken = (): void => void socket.destroy()
  socket.on('drain', drained).on('error', broken)
  last.once('close', () => {
    socket.off('drain', drained).off('error', broken)
    next()
  })
}

const cut = (socket: Socket) => (thrown: unknown) => {
  onFault(thrown)
  socket.destroy()
}

/** The head as it came, but for what asks for another protocol. */
function headWithoutUpgrade({ method, url, httpVersion, rawHeaders }: IncomingMessage): string {
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ''
    if (name.toLowerCase() !== 'upgrade') lines.push(`${name}: ${rawHeaders[at + 1]}`)
  }
  return `${lines.join('\r\n')}\r\n\r\n`
}
