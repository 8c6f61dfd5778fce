import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'

import type { HeaderMap } from '../protocols/protocol.ts'
import type { Asked } from './asked.ts'

/** What stands where: MCP, servers that speak none, AgentCore's data plane and its StopRuntimeSession. */
export type Place = 'mcp' | 'invocations' | 'runtimes' | 'stop' | 'nothing' | 'no-operation'

/** What a request holds. It is given back when its response has closed, unless it is kept. */
export interface Charge {
  closed(): void
  /** From now on it is given back by the call of this alone: the body is on its way to the worker. */
  keep(): () => void
}

/** A request of the data path, whichever way it came: through the router, or past it. */
export interface Incoming {
  readonly raw: IncomingMessage
  readonly id: string
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly url: string
  /** As it stood in the request line. */
  readonly originalUrl: string
  readonly ip: string
  readonly params: unknown
  readonly query: unknown
  readonly is404: boolean
  readonly routeOptions: { url?: string | undefined }
  body: unknown
  asked: Asked | null
  place: Place | null
  charge: Charge | null
}

/** What answers it. */
export interface Outgoing {
  readonly raw: ServerResponse
  /** From here on the caller writes to `raw`. */
  hijack(): unknown
  /** Answers with what the gateway itself has to say. */
  say(statusCode: number, headers: Readonly<HeaderMap>, body?: string): void
}

declare module 'fastify' {
  interface FastifyReply {
    say: Outgoing['say']
  }
}
