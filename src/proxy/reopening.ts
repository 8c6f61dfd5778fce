import type { Credentials } from '../auth/credentials.ts'
import type { Clock } from '../ground/clock.ts'
import { GatewayError } from '../ground/errors.ts'
import { parseJson } from '../ground/json.ts'
import type { Peek } from '../protocols/protocol.ts'
import type { Sessions } from '../sessions/manager.ts'
import type { Quotas } from './quotas.ts'
import type { Reopened } from '../sessions/record.ts'
import type { Server } from '../sessions/server.ts'
import type { Session } from '../sessions/session.ts'
import type { Asked } from './asked.ts'
import type { Equipping } from './equip.ts'
import { resolverOf } from './equip.ts'
import type { Incoming } from './incoming.ts'
import { fromOf } from './from.ts'
import { introduce } from './introduce.ts'
import type { TrafficOf } from './traffics.ts'

/** How a request goes on whose session has ended, at a server with `onExpired: reopen`. */
export interface Reopening {
  /**
   * Whether this message may open another session. One that is no request, or says no more than that
   * somebody is there, would keep a worker running for nobody; and an answer was to a question of
   * the old one. None of them has been sent to a worker.
   */
  mayOpen(asked: Asked, messages: readonly Peek[]): boolean
  /**
   * The session that goes on under the public id of the request, initialized as its client once did.
   *
   * @throws `asked.missing` where none is to be opened, and what opening one throws
   */
  open(request: Incoming, asked: Asked, gone: AbortSignal): Promise<ReopenedSession>
}

export interface ReopenedSession {
  session: Session
  reopened: Reopened
}

export interface ReopeningOptions {
  clock: Clock
  sessions: Sessions
  credentials: Credentials
  quotas: Quotas | undefined
  equipping: Equipping
  trafficOf: TrafficOf
}

/** What a client says of itself is kept with its session only if it is no longer than this. */
const keptBytes = 4096
/** A bundle says it to each of its servers, at whatever gateway, and so has to have it. */
const keptOfBundle = 64 * 1024

/** What is to be kept of an `initialize`; nothing where it will not be needed, or is too long. */
export function keptOf(
  { onExpired, isBundle = false }: Server,
  first: Peek | undefined,
  body: Buffer,
): string | undefined {
  if ((onExpired !== 'reopen' && !isBundle) || first?.method !== 'initialize') return undefined
  const read = parseJson(body.toString())
  if (!read.ok) return undefined
  const { params = {} } = Object(read.value) as { params?: unknown }
  const text = JSON.stringify(params)
  return Buffer.byteLength(text) <= (isBundle ? keptOfBundle : keptBytes) ? text : undefined
}

export function createReopening(options: ReopeningOptions): Reopening {
  const { clock, sessions, trafficOf } = options

  return {
    mayOpen({ server, publicId, protocol }, messages) {
      const [first] = messages
      if (server.onExpired !== 'reopen' || publicId === undefined) return false
      if (protocol.isStateless || messages.length !== 1 || first?.kind !== 'request') return false
      return first.method !== 'initialize' && first.method !== 'ping'
    },

    async open(request, asked, gone) {
      const { server, principal, publicId = '' } = asked
      const credentials = resolverOf(options.credentials, asked)
      const opener = { principal, credentials, allowance: options.quotas?.of(asked.caller) }
      const opened = await sessions.reopening.open(server, opener, publicId, gone)
      if (opened === undefined) throw asked.missing
      const { session, isNew, reopened } = opened
      if (isNew) await initializeAgain(request, asked, session, gone)
      else await options.equipping.equip(session, asked)
      return { session, reopened }
    },
  }

  /** Says to the new worker what the client has said to the first one. */
  async function initializeAgain(
    request: Incoming,
    { protocol, publicId }: Asked,
    session: Session,
    gone: AbortSignal,
  ): Promise<void> {
    const { headers, id: requestId } = request
    await introduce({ clock, sessions, trafficOf }, session, {
      protocol,
      params: session.record.initialize ?? '{}',
      headers,
      requestId,
      publicId,
      from: fromOf(request),
      gone,
      checkVersion(protocolVersion) {
        const spokenVersion = headers['mcp-protocol-version'] ?? protocolVersion
        // Another version of the server: the client has to find out what it speaks now.
        if (spokenVersion !== protocolVersion) throw new GatewayError('ERR_SESSIONS_NOT_FOUND')
      },
    })
  }
}
