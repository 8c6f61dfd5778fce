import { randomUUID } from 'node:crypto'

import type { Clock } from '../ground/clock.ts'
import { inBackground, tellFault } from '../ground/guarded.ts'
import { mcpVersions } from '../ground/mcp-versions.ts'
import { createSharedWork } from '../ground/shared-work.ts'
import { version } from '../ground/version.ts'
import type { Peek } from '../protocols/protocol.ts'
import type { From, InnerDoor } from '../proxy/inner.ts'
import type { Sessions } from '../sessions/manager.ts'
import type { Server } from '../sessions/server.ts'
import type { Session } from '../sessions/session.ts'
import type { Catalogue } from './catalogue.ts'
import type { LeftOut } from './learning.ts'
import { learn } from './learning.ts'
import { createAsk, mention, resultIn } from './members.ts'

/**
 * Asks servers of which nothing is known, each in a session of the gateway's own: whoever asked first
 * may have gone before a server has answered that had to be fetched, and many may ask at once.
 */
export interface Scouting {
  /**
   * Settles when the catalogue knows the server. Those who ask at once share the work.
   *
   * @throws what was wrong, for a while without trying again
   */
  ask(server: Server, door: InnerDoor): Promise<void>
  /** Looks whether it still is as the catalogue has it, at most once a minute. */
  doubt(server: Server, door: InnerDoor): void
}

export interface ScoutingOptions {
  clock: Clock
  sessions: Sessions
  catalogue: Catalogue
  leftOut(server: Server): LeftOut
}

/** A server that cannot be started is not started again by everybody who comes. */
const quietMs = 30_000
const doubtMs = 60_000

/** It can all that a client may be able to, so that no server holds anything back. */
const hello = JSON.stringify({
  protocolVersion: mcpVersions[0],
  capabilities: {
    elicitation: { form: {}, url: {} },
    sampling: { context: {}, tools: {} },
    roots: { listChanged: true },
    tasks: {
      list: {},
      cancel: {},
      requests: { elicitation: { create: {} }, sampling: { createMessage: {} } },
    },
  },
  clientInfo: { name: 'mcp-berth', title: 'Berth, asking what there is', version: version() },
})

export function createScouting({ clock, sessions, catalogue, leftOut }: ScoutingOptions): Scouting {
  const share = createSharedWork<string, undefined>()
  const failed = new Map<string, { thrown: unknown; untilMs: number }>()
  const doubted = new Map<string, number>()

  async function scout(server: Server, door: InnerDoor): Promise<undefined> {
    const principal = `berth:catalogue/${server.name}`
    const from: From = {
      caller: { principal, identity: undefined },
      credentialHeaders: {},
      headers: {},
      requestId: randomUUID(),
    }
    const { signal } = new AbortController()
    const { session, initialized } = await door.openAlone(server, { params: hello, from }, signal)
    try {
      const ask = createAsk({ clock, door }, session, from, (_data, peek) =>
        answer(door, session, peek, from),
      )
      catalogue.learn(server, principal, await learn(ask, resultIn(initialized), leftOut(server)))
      failed.delete(server.name)
    } finally {
      inBackground(sessions.close(session, 'stopped'), tellFault('ending a scout'))
    }
    return undefined
  }

  return {
    async ask(server, door) {
      const { thrown, untilMs = 0 } = failed.get(server.name) ?? {}
      if (clock.now() < untilMs) throw thrown
      try {
        await share(server.name, () => scout(server, door))
      } catch (why) {
        failed.set(server.name, { thrown: why, untilMs: clock.now() + quietMs })
        throw why
      }
    },

    doubt(server, door) {
      const nowMs = clock.now()
      if (nowMs < (doubted.get(server.name) ?? 0)) return
      doubted.set(server.name, nowMs + doubtMs)
      const looked = share(server.name, () => scout(server, door))
      inBackground(looked, tellFault('asking a server what there is', { server: server.name }))
    },
  }
}

/** There is nobody to ask, and a server that waits for an answer would wait for ever. */
function answer(door: InnerDoor, session: Session, { kind, id, method }: Peek, from: From): void {
  if (kind !== 'request') return
  const said =
    method === 'roots/list'
      ? { result: { roots: [] } }
      : method === 'ping'
        ? { result: {} }
        : { error: { code: -32601, message: 'Nobody is here who could answer.' } }
  mention(door, session, Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, ...said })), from)
}
