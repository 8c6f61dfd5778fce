import { setTimeout as sleep } from 'node:timers/promises'

import type { Channel } from '../drive/channels.ts'
import type { Lane } from '../drive/lane.ts'
import type { ChaosPlan, LoadPlan } from '../drive/plan.ts'
import { profileOf } from '../drive/profiles.ts'
import { createAdmin } from './admin.ts'
import type { Fault } from './fault.ts'
import { faultNames } from './fault.ts'
import type { Victim } from './faults.ts'
import { commit } from './faults.ts'

/** Faults that happen while the load goes on. */
export interface Chaos {
  /** Begins no further one, and gives those that happened. */
  end(): Promise<Fault[]>
}

const faultsKept = 2000

export function createChaos(
  chaos: ChaosPlan,
  options: { plan: LoadPlan; lanes: readonly Lane[]; sinceStartMs(): number },
): Chaos {
  const { plan, lanes, sinceStartMs } = options
  const admin = chaos.admin && createAdmin(chaos.admin)
  const stop = new AbortController()
  const faults: Fault[] = []
  const { required } = profileOf(plan)
  let turn = plan.firstNumber

  const run = async (): Promise<void> => {
    for (;;) {
      await sleep(chaos.everyMs, undefined, { signal: stop.signal }).catch(() => undefined)
      const victim = victimOf(lanes, plan.users, required)
      if (stop.signal.aborted) return
      if (victim === undefined) continue
      const name = faultNames[turn++ % faultNames.length] ?? 'drop-connection'
      const fault = await commit(name, victim, { admin, atMs: sinceStartMs() })
      if (faults.length < faultsKept) faults.push(fault)
    }
  }

  const running = run()
  return {
    async end() {
      stop.abort()
      await running
      return faults
    },
  }
}

/** One that has been through everything, so that nothing is missing of it when it ends. */
function victimOf(
  lanes: readonly Lane[],
  users: LoadPlan['users'],
  required: readonly Channel[],
): Victim | undefined {
  const ready = lanes.flatMap(({ session, user }) => {
    if (session?.state !== 'open') return []
    return required.every((channel) => session.watch.hasMatched(channel)) ? [{ session, user }] : []
  })
  const chosen = ready[Math.floor(Math.random() * ready.length)]
  return chosen && { session: chosen.session, other: users.find((user) => user !== chosen.user) }
}
