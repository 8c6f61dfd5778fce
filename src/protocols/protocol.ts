import type { IncomingHttpHeaders } from 'node:http'

import type { RpcId, RpcKind } from '../jsonrpc.ts'
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

  /** What was POSTed. At most 64 KiB of it is looked at. Never throws. */
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
   * The headers that go to the worker: the client's without credentials, origin and hop-by-hop
   * ones, the worker's own id in place of the public one, `Host` and the endpoint's own.
   */
  toWorker(headers: IncomingHttpHeaders, endpoint: Endpoint, workerSessionId?: string): HeaderMap

  /**
   * The headers that go to the client: the worker's without hop-by-hop ones, its id replaced.
   *
   * @param publicId undefined as long as the client may not know it
   */
  toClient(headers: IncomingHttpHeaders, publicId: string | undefined): HeaderMap

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

  /** The request that ends the worker's session politely; undefined when there is nothing to end. */
  goodbye(endpoint: Endpoint, workerSessionId: string | undefined): Goodbye | undefined
}

export type HeaderMap = Record<string, string | string[]>

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
