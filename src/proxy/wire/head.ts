import type { IncomingHttpHeaders } from 'node:http'

import { receivedHeaders } from '../received-headers.ts'
import { noHttp } from './no-http.ts'

/** The head of an answer: what the client is told of it, and what it means for the connection. */
export interface Head {
  statusCode: number
  headers: IncomingHttpHeaders
  /** HTTP/1.0: its connection is not used again. */
  isOld: boolean
  /** It says that the connection ends with this answer. */
  isLast: boolean
  length: number | undefined
  isChunked: boolean
  /** How long the connection may be idle, as far as it says so. */
  idleMs: number | undefined
  /** A name came more than once. */
  hasTwice: boolean
}

export const createHead = (): Head => ({
  statusCode: 0,
  headers: {},
  isOld: false,
  isLast: false,
  length: undefined,
  isChunked: false,
  idleMs: undefined,
  hasTwice: false,
})

const version = 'HTTP/1.'

/** Whether a line that is not complete may become the first one of an answer. */
export const mayBeStatus = (start: string): boolean =>
  version.startsWith(start.slice(0, version.length))

/** Reads the first line, which stands in a text from here to there. */
export function readStatus(head: Head, text: string, from: number, to: number): void {
  const line = text.slice(from, to)
  const [, minor, code, reason = ''] = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: (.*))?$/s.exec(line) ?? []
  if (code === undefined || !isText(reason)) throw noHttp('its first line is none of HTTP/1.1')
  head.isOld = minor === '0'
  head.statusCode = Number(code)
}

/** Reads any other line. */
export function readField(head: Head, text: string, from: number, to: number): void {
  const colon = text.indexOf(':', from)
  if (colon === -1 || colon >= to) throw noHttp('a line of its head has no colon')
  const name = nameOf(text.slice(from, colon))
  const value = valueOf(text, colon + 1, to)
  const meaning = meanings.get(name)
  if (meaning !== undefined) {
    // It may stand around a value, but others would read another one.
    const tab = text.indexOf('\t', colon)
    if (tab !== -1 && tab < to) throw noHttp(`its ${name} has a tab in it`)
    meaning(head, value)
  }
  add(head, name, value)
}

/** A trailer is read for its form, and forgotten; one that would change what came before is refused. */
export function readTrailer(text: string, from: number, to: number): void {
  const colon = text.indexOf(':', from)
  if (colon === -1 || colon >= to) throw noHttp('a line after its last chunk has no colon')
  const name = nameOf(text.slice(from, colon))
  if (meanings.has(name)) throw noHttp(`it says ${name} after its last chunk`)
  valueOf(text, colon + 1, to)
}

/** The head is complete. */
export function closeHead(head: Head): void {
  if (head.isChunked && head.length !== undefined) {
    throw noHttp('it says both a length and transfer-encoding')
  }
  if (head.isChunked && head.isOld) throw noHttp('it sends chunks, which HTTP/1.0 does not know')
  if (head.hasTwice) head.headers = receivedHeaders(head.headers)
  Object.freeze(head.headers)
}

function add(head: Head, name: string, value: string): void {
  // It would be no header, but what the object is.
  if (name === '__proto__') return
  const { headers } = head
  if (!Object.hasOwn(headers, name)) {
    headers[name] = value
    return
  }
  const before = headers[name]
  head.hasTwice = true
  headers[name] = Array.isArray(before) ? [...before, value] : [before ?? '', value]
}

/** Headers that say where the answer ends, and what becomes of its connection. */
const meanings = new Map<string, (head: Head, value: string) => void>([
  [
    'content-length',
    (head, value) => {
      if (head.length !== undefined) throw noHttp('it says its length twice')
      // More digits are more than a number holds exactly.
      if (!/^\d{1,15}$/.test(value)) throw noHttp('its length is no number')
      head.length = Number(value)
    },
  ],
  [
    'transfer-encoding',
    (head, value) => {
      if (head.isChunked || value.toLowerCase() !== 'chunked') {
        throw noHttp('it has a transfer-encoding other than chunked')
      }
      head.isChunked = true
    },
  ],
  [
    'connection',
    (head, value) => {
      if (value === 'keep-alive') return
      head.isLast ||= value.split(',').some((word) => word.trim().toLowerCase() === 'close')
    },
  ],
  [
    'keep-alive',
    (head, value) => {
      const seconds = /(?:^|[ \t,;])timeout=(\d{1,9})/i.exec(value)?.[1]
      if (seconds !== undefined) head.idleMs = Number(seconds) * 1000
    },
  ],
])

/** Names as servers write them, with what they are called here: most need no second look. */
const usualNames = new Map(
  [
    ...['Content-Type', 'Content-Length', 'Transfer-Encoding', 'Connection', 'Keep-Alive', 'Date'],
    ...['Cache-Control', 'Mcp-Session-Id', 'Server', 'Vary', 'X-Powered-By', 'X-Accel-Buffering'],
    ...['MCP-Protocol-Version', 'Access-Control-Allow-Origin', 'Access-Control-Expose-Headers'],
    ...['ETag', 'Allow', 'Location', 'Set-Cookie', 'Last-Modified', 'X-Request-Id'],
  ].flatMap((name): [string, string][] => {
    const lower = name.toLowerCase()
    return [name, lower].map((form) => [form, lower])
  }),
)

function nameOf(written: string): string {
  const usual = usualNames.get(written)
  if (usual !== undefined) return usual
  if (!/^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/.test(written)) {
    throw noHttp('a line of its head has no name that HTTP knows')
  }
  return written.toLowerCase()
}

const isBlank = (code: number): boolean => code === 32 || code === 9

const isPlain = (text: string): boolean => /^[\t\x20-\x7e]*$/.test(text)
const isText = (text: string): boolean => isPlain(text) || /^[\t\x20-\x7e\x80-\xff]*$/.test(text)

/** So long a text is not kept for a value that stands in it. */
const keptTextChars = 4096

function valueOf(text: string, from: number, to: number): string {
  let start = from
  let end = to
  while (start < end && isBlank(text.charCodeAt(start))) start += 1
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1
  const value = text.slice(start, end)
  if (isPlain(value)) {
    // What V8 has cut out of a text keeps all of it.
    return text.length > keptTextChars ? Buffer.from(value, 'latin1').toString('latin1') : value
  }
  if (!isText(value)) throw noHttp('a value of its head has control characters in it')
  return Buffer.from(value, 'latin1').toString('utf8')
}
