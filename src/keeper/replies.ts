import { catalogue } from '../ground/errors.ts'
import type { RpcId } from '../ground/jsonrpc.ts'
import { mcpVersions, supportedVersions } from '../ground/mcp-versions.ts'
import type { Reply } from './reply.ts'

/** Why a request is not carried, as the catalogue of errors says it. */
export interface Refusal {
  readonly statusCode: number
  readonly rpcCode: number
  readonly message: string
  readonly data?: Readonly<Record<string, unknown>>
}

/** The gateway lets fewer be in progress, but gives up those whose client has gone. */
export const maxOpen = 1000

export const bodyLimitBytes = 64 * 1024 * 1024

const bad = (rpcCode: number, message: string): Refusal => ({ statusCode: 400, rpcCode, message })

export const refusals = {
  method: catalogue.ERR_PROXY_METHOD,
  acceptPost: catalogue.ERR_PROXY_ACCEPT_POST,
  acceptGet: catalogue.ERR_PROXY_ACCEPT_GET,
  notJson: catalogue.ERR_PROXY_NOT_JSON,
  notRpc: catalogue.ERR_PROXY_NOT_RPC,
  idRequired: bad(-32000, catalogue.ERR_PROXY_ID_REQUIRED.message.replace('{versions}', '')),
  notFound: catalogue.ERR_SESSIONS_NOT_FOUND,
  bodyTooLarge: {
    statusCode: 413,
    rpcCode: -32600,
    message: `The body is larger than ${bodyLimitBytes} bytes.`,
  },
  version: {
    ...bad(
      -32000,
      `Bad Request: this MCP-Protocol-Version is not supported (supported: ${mcpVersions.join(', ')}). Send the one that the answer to initialize names.`,
    ),
    data: supportedVersions,
  },
  batch: bad(-32600, 'Batches exist in MCP 2025-03-26 only. Send one message per POST.'),
  tooMany: {
    statusCode: 429,
    rpcCode: -32000,
    message: `This session has ${maxOpen} requests in progress already. Wait for one to be answered.`,
  },
  lastEventId: bad(-32000, 'Bad Request: there is nothing to resume after this Last-Event-ID.'),
  cancelled: bad(-32000, 'Request cancelled'),
  deleted: {
    statusCode: 404,
    rpcCode: -32001,
    message: 'The session was deleted before this request was answered.',
  },
} as const satisfies Record<string, Refusal>

/** A cancelled request keeps its id for some seconds, because its answer may come all the same. */
export const idInUse = (id: RpcId): Refusal =>
  bad(
    -32600,
    `The request with the id ${JSON.stringify(id).slice(0, 80)} is still open. Give each request of a session an id of its own.`,
  )

/** The server has ended, or is about to: the sentence says what is known of it. */
export const serverGone = (message: string): Refusal => ({
  ...catalogue.ERR_PROXY_WORKER_CUT,
  message,
})

/** What is sent when nothing is passed on. Every reply carries the id of the session. */
export interface Replies {
  readonly eventHeaders: Readonly<Record<string, string>>
  json(reply: Reply, statusCode: number, json: string): void
  /** An answer without a body. */
  empty(reply: Reply, statusCode: number): void
  refuse(reply: Reply, refusal: Refusal): void
}

export function errorJson({ rpcCode, message, data }: Refusal, id: RpcId | null): string {
  return JSON.stringify({ jsonrpc: '2.0', id, error: { code: rpcCode, message, data } })
}

/** @param sessionId undefined: the server has none */
export function createReplies(sessionId: string | undefined): Replies {
  const session = sessionId === undefined ? undefined : { 'mcp-session-id': sessionId }

  function json(reply: Reply, statusCode: number, text: string, more?: { allow: string }): void {
    if (reply.destroyed) return
    reply.writeHead(statusCode, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      ...session,
      ...more,
    })
    reply.end(text)
  }

  return {
    eventHeaders: {
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      ...session,
    },
    json,
    empty(reply, statusCode) {
      if (reply.destroyed) return
      // 204 may not have one; without it an empty 202 would be sent in chunks.
      const length = statusCode === 204 ? {} : { 'content-length': 0 }
      reply.writeHead(statusCode, { ...length, ...session })
      reply.end()
    },
    refuse(reply, refusal) {
      const more = refusal === refusals.method ? { allow: 'GET, POST, DELETE' } : undefined
      json(reply, refusal.statusCode, errorJson(refusal, null), more)
    },
  }
}
