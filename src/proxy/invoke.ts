import { randomUUID } from 'node:crypto'

import type { Credentials } from '../auth/credentials.ts'
import type { Clock } from '../ground/clock.ts'
import { peekOf } from '../protocols/peek.ts'
import type { Sessions } from '../sessions/manager.ts'
import type { Quotas } from './quotas.ts'
import type { Session } from '../sessions/session.ts'
import { admit } from './admission.ts'
import { goneOf } from './client-end.ts'
import type { Equipping } from './equip.ts'
import { resolverOf } from './equip.ts'
import type { Exchange } from './exchange.ts'
import { openHealthy } from './health.ts'
import type { Incoming, Outgoing } from './incoming.ts'
import type { Passing } from './pass.ts'
import type { Asked } from './asked.ts'
import { checkRoom } from './traffic.ts'
import type { Traffics } from './traffics.ts'

/** Answers a POST to a server that speaks no MCP; rejects with what the client is to be told. */
export type Invoke = (request: Incoming, reply: Outgoing, asked: Asked) => Promise<void>

export interface InvokeOptions {
  clock: Clock
  sessions: Sessions
  credentials: Credentials
  traffics: Traffics
  passing: Passing
  equipping: Equipping
  quotas: Quotas | undefined
}

export function createInvoke(options: InvokeOptions): Invoke {
  const { clock, sessions, traffics, passing, credentials, equipping, quotas } = options
  return async function invoke(request, reply, asked) {
    const { server, principal, protocol } = asked
    const name = asked.chosenId ?? randomUUID()
    const gone = goneOf(reply.raw)
    const allowance = quotas?.of(asked.caller)
    const opener = { principal, credentials: resolverOf(credentials, asked), allowance }
    const what = { server, opener, name }
    let session: Session
    do {
      session =
        sessions.findNamed(name, server.name, principal) ??
        (await openHealthy({ sessions, clock }, what, gone))
      await equipping.equip(session, asked)
      // What has ended just now goes on under the same name.
      await sessions.confirm(session)
    } while (session.end !== undefined)
    const traffic = traffics.of(session)
    const call = peekOf('request', 'invocations', request.id)
    const open = (): { exchanges: Exchange[] } => {
      checkRoom(traffic, 1)
      return { exchanges: [traffic.open(call)] }
    }
    const { exchanges } = quotas === undefined ? open() : admit(quotas, asked, [call], open)
    // What nobody has read yet goes on as it comes.
    const body = Buffer.isBuffer(request.body) ? request.body : request.raw
    passing.pass({
      ...{ request, reply, protocol, traffic, body, name, exchanges },
      ids: [],
      messages: [],
      method: 'POST',
    })
  }
}
