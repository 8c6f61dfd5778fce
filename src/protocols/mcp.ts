import type { IncomingHttpHeaders } from 'node:http'

import { readJson } from '../ground/json.ts'
import type { RpcId } from '../ground/jsonrpc.ts'
import { rpcErrorEvent, rpcReply } from '../ground/replies.ts'
import { clientHeaders } from './client-headers.ts'
import { nothing, peekOf, readProgress, skim, summarize } from './peek.ts'
import type { Peek, Posted, Protocol } from './protocol.ts'
import { addressed, sessionHeader, workerHeaders } from './worker-headers.ts'

/**
 * MCP Streamable HTTP of the legacy era, 2025-03-26 to 2025-11-25.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports
 */
export const mcp: Protocol = {
  name: 'mcp',

  publicId(headers) {
    const id = headers[sessionHeader]
    if (id === undefined) return undefined
    // Visible ASCII, as the specification has it; a header that came twice is joined with a comma.
    if (typeof id !== 'string' || id.length > 1024 || !/^[\x21-\x7e]+$/.test(id)) {
      return { malformed: true }
    }
    return id
  },

  chosenId: () => undefined,

  read(body) {
    const parsed = readJson(body, outlined)
    return parsed.ok ? postedOf(parsed.value) : { form: parsed.why }
  },

  readMessage(text, isCut) {
    // Most of what a worker sends are notifications that need no more than their name.
    const method = notificationIn(text)
    if (method !== undefined && method !== 'notifications/cancelled') {
      const peek = peekOf('notification', method, undefined)
      if (method === 'notifications/progress') peek.progress = () => readProgress(text)
      return peek
    }
    const answered = answeredIn(text)
    if (answered !== undefined) return peekOfResult(answered)
    if (isCut) return skim(text, text)
    const parsed = readJson(text, outlined)
    // What cannot be understood is passed on all the same: it is the client's to judge.
    if (!parsed.ok) return nothing
    const { value } = parsed
    return Array.isArray(value) ? value.map(summarize) : summarize(value)
  },

  isStream: (contentType) =>
    contentType !== undefined && /^\s*text\/event-stream\s*(;|$)/i.test(contentType),

  toWorker: (headers, recipient) => workerHeaders(headers, recipient, recipient.allowed),

  toClient: clientHeaders,

  carriesAnswer: (headers) => headers[carriesHeader] !== undefined,

  workerSessionId(headers) {
    const id = headers[sessionHeader]
    return typeof id === 'string' ? id : undefined
  },

  isForgotten(statusCode, body) {
    if (statusCode === 404) return true
    // Servers on SDK v1 answer 400 where the specification asks for 404.
    return statusCode === 400 && /no valid session id|session not found|not initialized/i.test(body)
  },

  reply(error, { publicId, ...about }) {
    const reply = rpcReply(error, about)
    if (publicId !== undefined) reply.headers[sessionHeader] = publicId
    return reply
  },

  errorEvent: rpcErrorEvent,
  replyHeaders: () => undefined,
  hidesFailures: false,
  endsOnDelete: true,
  isStateless: false,
  isPlain: false,
  times: undefined,

  goodbye(endpoint, workerSessionId) {
    if (workerSessionId === undefined) return undefined
    const headers = addressed({}, endpoint, workerSessionId)
    return { method: 'DELETE', path: endpoint.path, headers, timeoutMs: 1000 }
  },
}

/** Said by a keeper of a stream on which an answer is still to come; see `keeper/protocol.ts`. */
const carriesHeader = 'x-berth-carries'

const notificationBeginnings = ['{"method":"', '{"jsonrpc":"2.0","method":"'].map((beginning) => ({
  nameAt: beginning.length,
  text: `${beginning}notifications/`,
}))

/**
 * The name of a notification that is written as nearly all are: `method` first, and nothing behind
 * it that could make another message of it for whoever parses it.
 */
function notificationIn(message: string): string | undefined {
  for (const { nameAt, text } of notificationBeginnings) {
    if (!message.startsWith(text)) continue
    const end = message.indexOf('"', nameAt)
    const name = message.slice(nameAt, end)
    const isPlain = !name.includes('\\') && !others.some((other) => message.includes(other, end))
    return isPlain ? name : undefined
  }
  return undefined
}

/** A second `method` (the last one counts), an `id`, and letters that are written as escapes. */
const others = ['"method"', '"id"', '\\u006', '\\u007']

const plainId = String.raw`"id":(?:(0|-?[1-9]\d{0,14})|"([^"\\]{0,200})")`
const idFirst = new RegExp(String.raw`^\{"jsonrpc":"2\.0",${plainId},"result":\{`)
const idLast = new RegExp(String.raw`,${plainId}\}$`)
/** Longer than what `idLast` can match. */
const tailChars = 240

/**
 * The id of a result that is written as nearly all are: what stands first in a message, or last, is
 * its own; and nothing else in it could make another message of it for whoever parses it. Not of one
 * that has to be looked into.
 */
function answeredIn(message: string): RpcId | undefined {
  if (message.length > answerChars) return undefined
  const found =
    idFirst.exec(message) ??
    (message.startsWith('{"result":{') ? idLast.exec(message.slice(-tailChars)) : null)
  if (found === null || message.indexOf('"id"') !== message.lastIndexOf('"id"')) return undefined
  if (notInResults.some((other) => message.includes(other))) return undefined
  const [, number, text] = found
  return number === undefined ? text : Number(number)
}

/** A longer one is as quickly parsed as looked through. */
const answerChars = 4096
const notInResults = ['"method"', '"error"', '"action"', '"protocolVersion"', '\\u006', '\\u007']

function peekOfResult(id: RpcId): Peek {
  const peek = peekOf('response', undefined, id)
  peek.outcome = 'answered'
  return peek
}

function postedOf(parsed: unknown): Posted {
  if (!Array.isArray(parsed)) {
    const peek = summarize(parsed)
    return peek.kind === 'invalid' ? { form: 'not-rpc' } : { form: 'message', messages: [peek] }
  }
  const messages = parsed.map(summarize)
  const isBatch = messages.length > 0 && messages.every(({ kind }) => kind !== 'invalid')
  return isBatch ? { form: 'batch', messages } : { form: 'not-rpc' }
}

/** All that `summarize` looks at; the worker parses the rest. */
const outlined = {
  wanted: new Set([
    ...['id', 'method', 'params', 'result', 'error'],
    ...['requestId', 'mode', 'protocolVersion', 'clientInfo', 'name', 'version'],
    'action',
  ]),
}

/** What a browser may send, and what it may read (CORS), on every path of this protocol. */
export const corsRequestHeaders =
  'Authorization, Content-Type, Accept, Mcp-Session-Id, MCP-Protocol-Version, Last-Event-ID, Mcp-Method, Mcp-Name, X-Amzn-Bedrock-AgentCore-Runtime-Session-Id'
export const corsExposedHeaders = 'Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate'

export function acceptsPost(headers: IncomingHttpHeaders): boolean {
  return accepts(headers.accept, 'application/json') && accepts(headers.accept, 'text/event-stream')
}

export function acceptsGet(headers: IncomingHttpHeaders): boolean {
  return accepts(headers.accept, 'text/event-stream')
}

function accepts(accept: string | undefined, type: string): boolean {
  if (accept === undefined) return false
  // What every client sends, as it sends it.
  if (accept.includes(type) || accept.includes('*/*')) return true
  const lower = accept.toLowerCase()
  return lower.includes(type) || lower.includes(`${type.slice(0, type.indexOf('/'))}/*`)
}
