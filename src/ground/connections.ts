import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

import type { Clock } from './clock.ts'
import type { Events } from './events.ts'
import { Line } from './line.ts'

export interface ConnectionCapOptions {
  /** How many there may be at a time. */
  most: number
  clock: Clock
  events: Events
}

interface Connection {
  readonly socket: Socket
  /** Where it stands: in one of the lines, or in none any more. */
  line: Line<Connection> | undefined
  before: Connection | undefined
  behind: Connection | undefined
  /** Answers that are not complete. */
  open: number
  /** The request that came last, and when. */
  request: IncomingMessage | undefined
  atMs: number
  /** One of its answers is complete. */
  closed: () => void
  /** How far its client had read when that was looked at last, and since when. */
  read?: { bytes: number; sinceMs: number }
}

/** A request that has not come by then may have to make room for others. */
const receivedMs = 1000
/** Who reads nothing of an answer for so long may have to do so as well. */
const readMs = 15_000
/** Where none was found that may, none is looked for again so soon. */
const lookEveryMs = 100
/** What is refused has read its answer by then, whatever it still sends. */
const lingerMs = 500
/** So many are refused with an answer at a time; further ones are cut. */
const lingerAtMost = 16
const tellEveryMs = 60_000

const refusal = [
  'HTTP/1.1 503 Service Unavailable',
  'Retry-After: 5',
  'Connection: close',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Length: 49',
  '',
  'This gateway has no room for another connection.\n',
].join('\r\n')

/**
 * Keeps room for everything else that needs file descriptors. One connection too many takes the place
 * of one over which nothing is in progress: of those that have never asked anything first, the oldest
 * first; then of one whose request comes slowly, or whose answer is not read. Where there is none, it is
 * answered 503.
 */
export function capConnections(server: Server, options: ConnectionCapOptions): void {
  const { most, clock } = options
  const all = new Map<Socket, Connection>()
  /** Each in the order in which nothing has happened over them. */
  const silent = new Line<Connection>()
  const idle = new Line<Connection>()
  const busy = new Line<Connection>()
  const refused = new Set<Socket>()
  const tell = createTelling(options)

  const leave = (connection: Connection): void => {
    connection.line?.delete(connection)
    all.delete(connection.socket)
  }
  let lookAgainAtMs = -Infinity
  /** Of those whose request is still to come, the one that has sent least; or one that reads nothing. */
  const slowest = (): Connection | undefined => {
    const nowMs = clock.now()
    if (nowMs < lookAgainAtMs) return undefined
    let sender: Connection | undefined
    let reader: Connection | undefined
    for (const connection of busy) {
      if (isSending(connection, nowMs)) {
        const { bytesRead } = connection.socket
        if (bytesRead < (sender?.socket.bytesRead ?? Infinity)) sender = connection
      } else if (isStuck(connection, nowMs)) reader ??= connection
    }
    const found = sender ?? reader
    if (found === undefined) lookAgainAtMs = nowMs + lookEveryMs
    return found
  }
  const makeRoom = (): boolean => {
    const victim = silent.first ?? idle.first ?? slowest()
    if (victim === undefined) return false
    leave(victim)
    victim.socket.destroy()
    tell('closed')
    return true
  }
  const refuse = (socket: Socket): void => {
    tell('refused')
    if (refused.size >= lingerAtMost) {
      socket.destroy()
      return
    }
    refused.add(socket)
    socket.once('close', () => refused.delete(socket))
    socket.once('error', () => socket.destroy())
    socket.resume()
    socket.end(refusal)
    setTimeout(() => socket.destroy(), lingerMs).unref()
  }

  const takers = server.listeners('connection') as ((socket: Socket) => void)[]
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    // It goes on after a request that wanted another protocol.
    const isNew = !all.has(socket)
    if (isNew && all.size >= most && !makeRoom()) {
      refuse(socket)
      return
    }
    if (isNew) {
      const connection = connectionOf(socket)
      all.set(socket, connection)
      silent.add(connection)
      socket.once('close', () => leave(connection))
    }
    for (const take of takers) take.call(server, socket)
  })
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    const connection = all.get(request.socket)
    if (connection === undefined) return
    busy.add(connection)
    connection.open += 1
    connection.request = request
    connection.atMs = clock.now()
    response.on('close', connection.closed)
  })

  function connectionOf(socket: Socket): Connection {
    const connection: Connection = {
      socket,
      line: undefined,
      before: undefined,
      behind: undefined,
      open: 0,
      request: undefined,
      atMs: clock.now(),
      // Once for all of them: a closure for each request is to be collected again.
      closed() {
        connection.open -= 1
        if (connection.open > 0) return
        // All that was made for it would stay as long as the connection.
        connection.request = undefined
        if (connection.line === busy && !socket.destroyed) idle.add(connection)
      },
    }
    return connection
  }
}

function isSending({ open, request, atMs }: Connection, nowMs: number): boolean {
  return open === 1 && request?.complete === false && nowMs - atMs >= receivedMs
}

/** Of an answer that waits for its client, not one byte went out since the last looks. */
function isStuck(connection: Connection, nowMs: number): boolean {
  const { socket } = connection
  const bytes = socket.bytesWritten - socket.writableLength
  if (socket.writableLength === 0) delete connection.read
  else if (connection.read?.bytes !== bytes) connection.read = { bytes, sinceMs: nowMs }
  return connection.read !== undefined && nowMs - connection.read.sinceMs >= readMs
}

/** The first time at once, and then what has added up, once in a while. */
function createTelling({ most, clock, events }: ConnectionCapOptions) {
  const counts = { closed: 0, refused: 0 }
  let isWaiting = false

  const say = (): void => {
    const { closed, refused } = counts
    isWaiting = closed + refused > 0
    if (!isWaiting) return
    counts.closed = 0
    counts.refused = 0
    const what = [
      refused === 0 ? [] : `${refused} refused (503)`,
      closed === 0 ? [] : `${closed} idle or slow ones closed to make room`,
    ].flat()
    const message = `All ${most} connections that this gateway takes at a time are in use: ${what.join(', ')}. Raise the limit of open files (ulimit -n) if they are wanted.`
    events.emit('operator.warned', { message })
    clock.after(tellEveryMs, say)
  }
  return (what: keyof typeof counts): void => {
    counts[what] += 1
    if (!isWaiting) say()
  }
}
