import { request } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import type { RpcMessage } from '../../src/ground/jsonrpc.ts'
import { createSseParser } from './sse.ts'
import type { SseEvent } from './sse.ts'

export interface RawRequest {
  method?: string
  /** An undefined value leaves out a header that would otherwise be sent. */
  headers?: Record<string, string | string[] | undefined>
  /** Anything but a string or bytes is sent as JSON. */
  body?: unknown
  /** Path of a unix socket to connect to; host and port of the URL then only fill `Host`. */
  socketPath?: string
  signal?: AbortSignal
}

export interface RawResponse {
  status: number
  headers: IncomingHttpHeaders
  /** Names and values in turn, as they came, so that doubled headers are seen. */
  rawHeaders: string[]
  text: () => Promise<string>
  json: <T = RpcMessage>() => Promise<T>
  /** The next event of the stream, or undefined at its end. */
  next: () => Promise<SseEvent | undefined>
  /** Reads events up to the first that fits, and gives them all. @throws if there is none. */
  until: (fits: (event: SseEvent) => boolean) => Promise<SseEvent[]>
  /** Every further event, to the end of the stream. */
  rest: () => Promise<SseEvent[]>
  /** Comments of the stream as far as it was read. */
  comments: string[]
  /** Cuts the connection, as a client that is killed does. */
  abort: () => void
}

/**
 * One HTTP request on a connection of its own; settles when the head of the response is there.
 * Nothing is added but `Host` and the length or chunking of the body.
 */
export function rawRequest(url: string | URL, options: RawRequest = {}): Promise<RawResponse> {
  const { method = 'GET', body, socketPath, signal } = options
  const payload =
    body === undefined || typeof body === 'string' || body instanceof Uint8Array
      ? body
      : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const outgoing = request(
      new URL(url),
      {
        method,
        headers: present(options.headers ?? {}),
        agent: false,
        ...(socketPath === undefined ? {} : { socketPath }),
        ...(signal === undefined ? {} : { signal }),
      },
      (incoming) => resolve(readResponse(incoming, () => outgoing.destroy())),
    )
    // After the head a failure is the reader's to see; it comes out of the response, too.
    outgoing.on('error', reject)
    outgoing.end(payload)
  })
}

export interface RpcRequest extends RawRequest {
  sessionId?: string | undefined
}

/** POSTs a JSON-RPC message, or anything in its place, with the headers of an MCP client. */
export function postRpc(
  url: string | URL,
  message: unknown,
  { sessionId, headers, ...options }: RpcRequest = {},
): Promise<RawResponse> {
  return rawRequest(url, {
    method: 'POST',
    body: message,
    headers: {
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'mcp-session-id': sessionId,
      ...headers,
    },
    ...options,
  })
}

/** Opens a GET stream with the headers of an MCP client. */
export function getStream(
  url: string | URL,
  { sessionId, lastEventId, headers, ...options }: RpcRequest & { lastEventId?: string } = {},
): Promise<RawResponse> {
  return rawRequest(url, {
    headers: {
      accept: 'text/event-stream',
      'mcp-session-id': sessionId,
      'last-event-id': lastEventId,
      ...headers,
    },
    ...options,
  })
}

/** Whether the event carries a JSON-RPC message that fits; for `until`. */
export function carries(fits: (message: RpcMessage) => boolean): (event: SseEvent) => boolean {
  return (event) => event.data !== '' && fits(JSON.parse(event.data) as RpcMessage)
}

function readResponse(incoming: IncomingMessage, abort: () => void): RawResponse {
  const parser = createSseParser()
  const chunks = incoming[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>
  const ready: SseEvent[] = []

  const next = async (): Promise<SseEvent | undefined> => {
    while (ready.length === 0) {
      const chunk = await chunks.next()
      if (chunk.done) return undefined
      ready.push(...parser.push(chunk.value))
    }
    return ready.shift()
  }
  const text = async (): Promise<string> => {
    const parts: Buffer[] = []
    for (let chunk = await chunks.next(); !chunk.done; chunk = await chunks.next()) {
      parts.push(chunk.value)
    }
    return Buffer.concat(parts).toString('utf8')
  }

  return {
    status: incoming.statusCode ?? 0,
    headers: incoming.headers,
    rawHeaders: incoming.rawHeaders,
    text,
    json: async <T>() => JSON.parse(await text()) as T,
    next,
    async until(fits) {
      const seen: SseEvent[] = []
      for (let event = await next(); event !== undefined; event = await next()) {
        seen.push(event)
        if (fits(event)) return seen
      }
      throw new Error(`the stream ended without it, after ${JSON.stringify(seen)}`)
    },
    async rest() {
      const seen: SseEvent[] = []
      for (let event = await next(); event !== undefined; event = await next()) seen.push(event)
      return seen
    },
    comments: parser.comments,
    abort,
  }
}

function present(headers: NonNullable<RawRequest['headers']>): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))
}
