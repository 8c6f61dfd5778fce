import type { Caller } from '../auth/check.ts'
import type { Protocol } from '../protocols/protocol.ts'
import type { Server } from '../sessions/server.ts'
import type { Session } from '../sessions/session.ts'

/** What is known of a request before its body is read; one object for each, that is filled in. */
export interface Asked {
  readonly protocol: Protocol
  readonly server: Server
  readonly principal: string
  readonly caller: Caller
  /** Those that are for templates alone; no worker sees them. */
  readonly credentialHeaders: Readonly<Record<string, string>>
  publicId: string | undefined
  /** What the client calls its session itself; only without a public id. */
  chosenId: string | undefined
  session: Session | undefined
  /** Why there is none, for who came with an id. */
  missing: unknown
  /** Of a GET: lets the session's POSTed requests go on. */
  release: (() => void) | undefined
}

declare module 'fastify' {
  interface FastifyRequest {
    asked: Asked | null
  }
}
