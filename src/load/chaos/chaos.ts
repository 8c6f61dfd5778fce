import { setTimeout as sleep } from 'node:timers/promises'

import type { Channel } from '../drive/channels.ts'
import type { Lane } from '../drive/lane.ts'
import type { ChaosPlan, LoadPlan } from '../drive/plan.ts'
import { profileOf } from '../drive/profiles.ts'
import { createAdmin } from './admin.ts'
import type { Fault, FaultName } from './fault.ts'
import { faultNames } from './fault.ts'
import type { Victim } from './faults.ts'
import { commit } from './faults.ts'

/** Faults that happen while the load goes on. */
export interface Chaos {
  /** Begins none a second time any more, and gives those that happened. */
  end(): Promise<Fault[]>
}

const faultsKept = 2000
/** How long it goes on after the load for those that have not been tried yet. */
const lateMs = 5000

export function createChaos(
  chaos: ChaosPlan,
  options: {
    plan: LoadPlan
    lanes: readonly Lane[]
    sinceStartMs(): number
    signal: AbortSignal
  },
): Chaos {
  const { plan, lanes, sinceStartMs, signal } = options
  const admin = chaos.admin && createAdmin(chaos.admin)
  const faults: Fault[] = []
  const { required } = profileOf(plan)
  const tried = new Set<FaultName>()
  let turn = plan.firstNumber
  let untilMs: number | undefined

  /** Whether there is something left to do at this time. */
  const goesOn = (): boolean =>
    !signal.aborted &&
    (untilMs === undefined || (tried.size < faultNames.length && performance.now() < untilMs))

  const run = async (): Promise<void> => {
    while (goesOn()) {
      await sleep(chaos.everyMs)
      const victim = victimOf(lanes, plan.users, required)
      if (victim === undefined) continue
      const name = faultNames[turn++ % faultNames.length] ?? 'drop-connection'
      if (!goesOn() || (untilMs !== undefined && tried.has(name))) continue
      tried.add(name)
      const fault = await commit(name, victim, { admin, atMs: sinceStartMs() })
      if (faults.length < faultsKept) faults.push(fault)
    }
  }

  const running = run()
  return {
    async end() {
      untilMs = performance.now() + lateMs
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
