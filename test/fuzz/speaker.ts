import { once } from 'node:events'
import type { Socket } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'

import { atEnd } from '../support/at-end.ts'
import type { Owner } from '../support/temp.ts'
import { tempDir } from '../support/temp.ts'

/** Says something, once it was asked something; undefined: what a server would say. */
export type Say = (asked: Asked, socket: Socket) => void

export interface Asked {
  /** Of HTTP. */
  verb: string
  method: string | undefined
  /** Undefined for what is no request. */
  id: number | string | undefined
}

/** What a worker says that is told by its socket (`fixtures/workers/says-anything.ts`). */
export interface Speaker {
  /** Path of the socket. */
  socket: string
  /** A port of 127.0.0.1 that says the same. */
  port: number
  /** What it says from now on in place of what a server would. */
  say: Say | undefined
}

const initialized = {
  protocolVersion: '2025-11-25',
  capabilities: { tools: {} },
  serverInfo: { name: 'says-anything', version: '1' },
}

/** What a server would say to that. */
export function rightAnswer({ method, id }: Asked): string {
  return JSON.stringify({ jsonrpc: '2.0', id, result: method === 'initialize' ? initialized : {} })
}

/** Speaks stdio: a line for each request. */
export async function startStdioSpeaker(t: Owner): Promise<Speaker> {
  const speaker = await listen(t, (socket) => {
    let rest = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const asked = readAsked('POST', line)
        if (asked.id === undefined) continue
        speaker.say?.(asked, socket)
        if (!socket.destroyed) socket.write(`\n${rightAnswer(asked)}\n`)
      }
    })
  })
  return speaker
}

const headEnd = '\r\n\r\n'

/** Speaks HTTP, as far as it must: one request after another on a connection. */
export async function startHttpSpeaker(t: Owner): Promise<Speaker> {
  const speaker = await listen(t, (socket) => {
    let rest = ''
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      rest += chunk
      for (;;) {
        const at = rest.indexOf(headEnd)
        if (at === -1) return
        const head = rest.slice(0, at)
        const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
        const end = at + headEnd.length + length
        if (rest.length < end) return
        const asked = readAsked(head.split(' ')[0] ?? '', rest.slice(at + headEnd.length, end))
        rest = rest.slice(end)
        if (speaker.say === undefined || asked.verb === 'DELETE') reply(asked, socket)
        else speaker.say(asked, socket)
      }
    })
  })
  return speaker
}

/** Answers as a server would. */
export function reply(asked: Asked, socket: Socket): void {
  const text = asked.id === undefined ? '' : rightAnswer(asked)
  const status = asked.verb === 'GET' ? '405 No' : asked.id === undefined ? '202 Yes' : '200 OK'
  const head = [`HTTP/1.1 ${status}`, 'content-type: application/json', 'mcp-session-id: own']
  socket.write(`${head.join('\r\n')}\r\ncontent-length: ${text.length}${headEnd}${text}`)
}

function readAsked(verb: string, text: string): Asked {
  try {
    const { method, id } = JSON.parse(text) as Omit<Asked, 'verb'>
    return { verb, method, id: method === undefined ? undefined : id }
  } catch {
    return { verb, method: undefined, id: undefined }
  }
}

async function listen(t: Owner, onSocket: (socket: Socket) => void): Promise<Speaker> {
  const sockets = new Set<Socket>()
  const take = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    onSocket(socket)
  }
  const socket = join(tempDir(t), 's')
  const servers = [createServer(take), createServer(take)] as const
  atEnd(t, () => {
    for (const server of servers) server.close()
    for (const each of sockets) each.destroy()
  })
  servers[0].listen(socket)
  servers[1].listen(0, '127.0.0.1')
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const address = servers[1].address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { socket, port, say: undefined }
}
