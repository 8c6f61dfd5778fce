import { request } from 'node:http'
import { Duplex } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'

import { receivedHeaders } from '../../src/proxy/received-headers.ts'
import { createParser } from '../../src/proxy/wire/parser.ts'

/** What a connection brings, in pieces. */
export interface Brought {
  method: string
  pieces: readonly Buffer[]
  /** Whether the connection ends then. */
  ends: boolean
}

/** An answer that is complete. */
export interface Understood {
  statusCode: number
  headers: object
  /** A string of bytes. */
  body: string
}

export type Reading =
  | { state: 'complete'; answer: Understood; /** Bytes behind it. */ behind: number }
  /** More has to come. */
  | { state: 'waiting' }
  | { state: 'refused'; why: string }

/** How the gateway's own client reads it. */
export function readHere({ method, pieces, ends }: Brought): Reading {
  let statusCode = 0
  let headers: object = {}
  let body = ''
  const parser = createParser({
    onHead(head) {
      statusCode = head.statusCode
      headers = { ...head.headers }
    },
    onPart(part) {
      body += part.toString('latin1')
    },
  })
  parser.expect(method)
  const complete = (behind: number): Reading => ({
    state: 'complete',
    answer: { statusCode, headers, body },
    behind,
  })
  try {
    for (const [at, piece] of pieces.entries()) {
      const end = parser.push(Buffer.from(piece))
      const later = pieces.slice(at + 1).reduce((sum, { length }) => sum + length, 0)
      if (end !== -1) return complete(piece.length - end + later)
    }
  } catch (thrown) {
    return { state: 'refused', why: String(thrown) }
  }
  if (!ends) return { state: 'waiting' }
  return parser.finish() ? complete(0) : { state: 'refused', why: 'cut' }
}

/** How Node's own client reads it, whose parser is llhttp. */
export async function readByNode({ method, pieces, ends }: Brought): Promise<Reading> {
  const socket = new Duplex({
    read: () => undefined,
    write: (_chunk, _encoding, done) => done(),
  })
  const got: { answer?: Understood; isComplete?: boolean; why?: string } = {}
  const refuse = (error: Error): void => {
    got.why ??= String(error)
  }
  const asking = request({
    ...{ method, path: '/', host: 'x', headers: { 'content-length': 0 } },
    ...{ createConnection: () => socket, maxHeaderSize: 128 * 1024, insecureHTTPParser: false },
  })
  asking.maxHeadersCount = 0
  asking.on('error', refuse)
  asking.on('upgrade', () => refuse(new Error('upgrade')))
  asking.on('response', (response) => {
    // A second one, which somebody may have taken for his.
    if (got.answer !== undefined) return
    const { statusCode = 0, rawHeaders } = response
    const answer = (got.answer = { statusCode, headers: asHere(rawHeaders), body: '' })
    response.setEncoding('latin1')
    response.on('error', refuse)
    response.on('data', (text: string) => (answer.body += text))
    response.on('end', () => (got.isComplete = response.complete))
  })
  asking.end()
  await nextTurn()
  for (const piece of pieces) if (!socket.destroyed) socket.push(piece)
  if (ends && !socket.destroyed) socket.push(null)
  for (let turn = 0; turn < 3; turn += 1) await nextTurn()
  socket.destroy()
  asking.destroy()
  const { answer, isComplete, why } = got
  if (isComplete && answer !== undefined) return { state: 'complete', answer, behind: 0 }
  return why === undefined ? { state: 'waiting' } : { state: 'refused', why }
}

/** The same headers as they are read everywhere in the gateway. */
function asHere(rawHeaders: readonly string[]): object {
  const headers: Record<string, string | string[]> = {}
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!.toLowerCase()
    if (name === '__proto__') continue
    const value = Buffer.from(rawHeaders[at + 1]!, 'latin1').toString('utf8')
    const before = Object.hasOwn(headers, name) ? headers[name] : undefined
    headers[name] = before === undefined ? value : [before, value].flat()
  }
  return receivedHeaders(headers)
}

/** Cuts a text of bytes at these places. */
export function cutAt(text: string, cuts: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text, 'latin1')
  const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  const pieces = [0, ...ends].map((from, at) => bytes.subarray(from, ends[at] ?? bytes.length))
  return pieces.filter(({ length }) => length > 0)
}
