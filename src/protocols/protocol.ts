import type { IncomingHttpHeaders } from 'node:http'

import type { RpcId, RpcKind } from '../ground/jsonrpc.ts'
import type { Reply } from '../ground/replies.ts'
import type { Endpoint } from '../workers/driver.ts'

/**
 * The contract between client, gateway and worker: where ids travel, what opens a session, what
 * counts as a stream, how one takes leave. Pure functions of headers and bytes; a protocol touches
 * no socket and no store.
 */
export interface Protocol {
  readonly name: string

  /**
   * The public id that a request carries.
   *
   * @returns undefined without one, and `malformed` for what can be no id at all
   */
  publicId(headers: IncomingHttpHeaders): string | { malformed: true } | undefined

  /**
   * An id of the client's own choice, which finds a session only where there is no public id and
   * never keeps one from being opened. Undefined where the protocol has no such thing.
   *
   * @throws ERR_AGENTCORE_VALIDATION for what can be no id
   */
  chosenId(headers: IncomingHttpHeaders): string | undefined

  /** What was POSTed. However it is made, it costs a few milliseconds. Never throws. */
  read(body: Buffer): Posted

  /**
   * What the worker sent in one event: a message, or a batch. Never throws.
   *
   * @param isCut `text` is only the beginning and the end of it
   */
  readMessage(text: string, isCut: boolean): Peek | Peek[]

  /** Whether a response with this content type is a stream of events, whatever its parameters. */
  isStream(contentType: string | undefined): boolean

  /**
   * The headers that go to the worker: those of the client that may pass, the worker's own id in
   * place of the public one, what a worker is told of session and request, `Host` and the
   * endpoint's own. Credentials, origin and hop-by-hop headers never pass by themselves.
   */
  toWorker(headers: IncomingHttpHeaders, recipient: Recipient): HeaderMap

  /**
   * The headers that go to the client: of the worker's those that describe its answer, its id
   * replaced. Cookies, redirects, challenges, CORS and policies of the origin are the gateway's.
   *
   * @param publicId undefined as long as the client may not know it
   * @param passesChallenge whether `WWW-Authenticate` passes as well
   */
  toClient(
    headers: IncomingHttpHeaders,
    publicId: string | undefined,
    passesChallenge?: boolean,
  ): HeaderMap

  /** Whether an answer is still to come on the stream that begins with this head, as far as said. */
  carriesAnswer(headers: IncomingHttpHeaders): boolean

  /** The worker's own id in its answer to `initialize`; many servers have none. */
  workerSessionId(headers: IncomingHttpHeaders): string | undefined

  /**
   * Whether this answer means that the worker does not know its own session any more.
   *
   * @param body the whole body, at most 64 KiB
   */
  isForgotten(statusCode: number, body: string): boolean

  /** An error of the gateway as this protocol answers it. */
  reply(error: unknown, about: ReplyAbout): Reply

  /** The same as the last event of a stream whose head has been sent. */
  errorEvent(error: unknown, requestId: string, id: RpcId): string

  /** What every reply carries besides; undefined for nothing. */
  replyHeaders(requestId: string): Readonly<Record<string, string>> | undefined

  /** Whether a client sees that a worker has failed, and not what the worker said of it. */
  readonly hidesFailures: boolean

  /** Whether a DELETE ends the session; else it is answered as if there were none. */
  readonly endsOnDelete: boolean

  /**
   * Whether the worker keeps no sessions and takes any id: whatever is POSTed without one opens a
   * session, and whatever it answers first shows that it lives.
   */
  readonly isStateless: boolean

  /**
   * Whether an answer is bytes, and its end the end of the exchange; else there are messages in it.
   * Nothing may be added to bytes: a stream that fails is cut.
   */
  readonly isPlain: boolean

  /** How long a request may take; undefined: as long as it takes. */
  readonly times: Times | undefined

  /** The request that ends the worker's session politely; undefined when there is nothing to end. */
  goodbye(endpoint: Endpoint, workerSessionId: string | undefined): Goodbye | undefined
}

export type HeaderMap = Record<string, string | string[]>

/** Who a request is for. */
export interface Recipient {
  endpoint: Endpoint
  /** The worker's own id, as soon as it has given one. */
  workerSessionId: string | undefined
  /** What the worker is told of its session; undefined for one that serves several. */
  sessionId: string | undefined
  requestId: string
  /** Names, in lower case, that `requestHeaderAllowlist` has; undefined without one. */
  allowed: readonly string[] | undefined
}

export interface ReplyAbout {
  requestId: string
  /** Ids of the requests that it answers. */
  ids?: readonly RpcId[]
  /** Undefined as long as the client may not know it. */
  publicId?: string | undefined
  /** A POSTed message, a GET or DELETE, or an operation that has nothing to do with JSON-RPC. */
  to: 'message' | 'stream' | 'operation'
}

export interface Times {
  /** Until the head of a stream, or the end of an answer that is none. */
  requestMs: number
  /** Until the end of a stream, from the request on. */
  streamMs: number
}

export interface Goodbye {
  method: 'DELETE'
  path: string
  headers: HeaderMap
  /** A worker that does not answer is not waited for. */
  timeoutMs: number
}

/** One POST: a message, a batch of 2025-03-26, or nothing that MCP knows. */
export type Posted =
  | { form: 'message'; messages: [Peek] }
  | { form: 'batch'; messages: Peek[] }
  | { form: 'not-json' }
  /** Where its parts are would take too long to find. */
  | { form: 'too-much' }
  | { form: 'not-rpc' }

/** As much of a message as routing and observation need. */
export interface Peek {
  kind: RpcKind
  /** Of requests and notifications. */
  method: string | undefined
  /** Of requests and responses. */
  id: RpcId | undefined
  /** `notifications/cancelled`: the request that is called off. */
  cancels: RpcId | undefined
  /** Of a response: `error`, or what an elicitation was answered with, or `answered`. */
  outcome: string | undefined
  /** Of `initialize` and its result. */
  protocolVersion: string | undefined
  /** Of `initialize`: the client's name and version. */
  client: string | undefined
  /** Of `notifications/progress`. Read when it is asked for: most of them are only counted. */
  progress: (() => Progress) | undefined
  /** Of `elicitation/create`: `form` or `url`. */
  mode: string | undefined
}

export interface Progress {
  progress: number
  total?: number
  message?: string
}
