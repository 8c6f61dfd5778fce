import type { Clock, Timer } from '../ground/clock.ts'
import { inBackground, tellFault } from '../ground/guarded.ts'
import type { Sessions } from '../sessions/manager.ts'
import type { Session } from '../sessions/session.ts'
import { ownerOf } from '../sessions/session.ts'
import { ping } from './health.ts'

/** Asked so often that no idle time passes without a question, and otherwise seldom. */
const perIdleTime = 4
const leastOftenMs = 30_000
const lookEveryMs = 250

interface Asked {
  nextAtMs: number
  isUnderWay: boolean
  updatedAt: number | undefined
}

/**
 * Asks the agents that speak no MCP, while no request is open, whether they work on something:
 * then their session is not idle. That it was asked is no activity.
 */
export function startPings(clock: Clock, sessions: Sessions): Timer {
  const asked = new WeakMap<Session, Asked>()

  async function ask(session: Session, state: Asked): Promise<void> {
    state.isUnderWay = true
    const { health } = (await ping(session)) ?? {}
    state.isUnderWay = false
    if (health === undefined || session.end !== undefined) return
    // As AgentCore has it: whatever has happened since it was asked last is activity, too.
    const { updatedAt } = health
    const hasChanged = state.updatedAt !== undefined && (updatedAt ?? 0) > state.updatedAt
    state.updatedAt = updatedAt
    if (health.isBusy || hasChanged) session.touch()
  }

  return clock.every(lookEveryMs, () => {
    const nowMs = clock.now()
    for (const session of sessions.list()) {
      const { server, record, carried } = session
      if (server.protocol !== 'http' || server.launch.kind !== 'local') continue
      if (record.state !== 'live' || session.end !== undefined) continue
      const everyMs = Math.min(server.lifecycle.idleMs / perIdleTime, leastOftenMs)
      const state = asked.get(session) ?? {
        nextAtMs: nowMs + everyMs,
        isUnderWay: false,
        updatedAt: undefined,
      }
      asked.set(session, state)
      if (carried > 0 || state.isUnderWay || nowMs < state.nextAtMs) continue
      state.nextAtMs = nowMs + everyMs
      inBackground(ask(session, state), tellFault('asking an agent', ownerOf(session)))
    }
  })
}
