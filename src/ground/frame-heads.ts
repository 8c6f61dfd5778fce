/**
 * The heads of requests and answers as frames carry them (`frames.ts`): a line for each thing that is
 * said, and nothing that the other side does not look at.
 */
const passedNames = ['accept', 'mcp-session-id', 'mcp-protocol-version', 'last-event-id'] as const
const methods = ['POST', 'GET', 'DELETE'] as const

export type FramedHeaders = Partial<Record<(typeof passedNames)[number], string>>

/** What is asked, without its body. */
export interface FramedRequest {
  readonly method: (typeof methods)[number]
  readonly headers: FramedHeaders
}

/** What is answered, without its body. */
export interface FramedAnswer {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string>>
}

type Given = Readonly<Record<string, string | string[] | number | undefined>>

/** In front of the head of a request: whether the body is complete, and how long the head is. */
const openingBytes = 5
const answerAtMost = 16 * 1024
const linesAtMost = 32
/** What is written is a byte a character, and ends with the line. */
const unwritable = /[^\t\u0020-\u00ff]/g
const nameOfHeader = /^[a-z0-9-]+$/

/** @returns undefined when it is none that could be carried */
export function writeRequest(
  method: string,
  headers: Given,
  body: Buffer | undefined,
  isWhole: boolean,
): Buffer | undefined {
  if (!isMethod(method)) return undefined
  let head: string = method
  for (const name of passedNames) head += `\n${lineOf(headers[name])}`
  const bodyBytes = body?.length ?? 0
  const bytes = Buffer.allocUnsafe(openingBytes + head.length + bodyBytes)
  bytes[0] = isWhole ? 1 : 0
  bytes.writeUInt32BE(head.length, 1)
  bytes.write(head, openingBytes, 'latin1')
  body?.copy(bytes, openingBytes + head.length)
  return bytes
}

/** A header that is not there is another thing than an empty one. */
const lineOf = (value: Given[string]): string =>
  value === undefined ? '' : `=${String(value).replaceAll(unwritable, ' ')}`

export interface Opening {
  readonly request: FramedRequest
  readonly isWhole: boolean
  readonly body: Buffer
}

/** Reads what opens streams; the requests of a session are much alike. */
export function createRequestReader(): (payload: Buffer) => Opening | undefined {
  let lastText = ''
  let last: FramedRequest | undefined
  return (payload) => {
    if (payload.length < openingBytes || (payload[0] as number) > 1) return undefined
    const end = openingBytes + payload.readUInt32BE(1)
    if (end > payload.length) return undefined
    const text = payload.toString('latin1', openingBytes, end)
    if (text !== lastText) {
      last = requestOf(text)
      lastText = text
    }
    if (last === undefined) return undefined
    return { request: last, isWhole: payload[0] === 1, body: payload.subarray(end) }
  }
}

function requestOf(text: string): FramedRequest | undefined {
  const [method = '', ...lines] = text.split('\n', passedNames.length + 2)
  if (!isMethod(method) || lines.length !== passedNames.length) return undefined
  const headers: FramedHeaders = {}
  for (const [at, name] of passedNames.entries()) {
    const line = lines[at] ?? ''
    if (line.startsWith('=')) headers[name] = line.slice(1)
    else if (line !== '') return undefined
  }
  return { method, headers: Object.freeze(headers) }
}

const isMethod = (method: string): method is FramedRequest['method'] =>
  (methods as readonly string[]).includes(method)

/** How long the body is, is told by its end. */
export function writeAnswer(statusCode: number, headers: Given): string {
  let text = String(statusCode)
  for (const name in headers) {
    const value = headers[name]
    if (value === undefined || name === 'content-length') continue
    text += `\n${name}:${String(value).replaceAll(unwritable, ' ')}`
  }
  return text
}

/** Reads the heads of answers; of those that a session gets there are few. */
export function createAnswerReader(): (payload: Buffer) => FramedAnswer | undefined {
  let lastText = ''
  let last: FramedAnswer | undefined
  return (payload) => {
    if (payload.length > answerAtMost) return undefined
    const text = payload.toString('latin1')
    if (text !== lastText) {
      last = answerOf(text)
      lastText = text
    }
    return last
  }
}

function answerOf(text: string): FramedAnswer | undefined {
  const [status = '', ...lines] = text.split('\n', linesAtMost + 2)
  if (!/^[2-9]\d\d$/.test(status) || lines.length > linesAtMost) return undefined
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const at = line.indexOf(':')
    const name = line.slice(0, Math.max(at, 0))
    const value = line.slice(at + 1)
    if (!nameOfHeader.test(name) || value.replaceAll(unwritable, ' ') !== value) return undefined
    headers[name] = value
  }
  return { statusCode: Number(status), headers: Object.freeze(headers) }
}
