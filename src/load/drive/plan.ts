import type { CanarySeed } from '../search/canaries.ts'

export const profileNames = [
  'calls',
  'elicitation',
  'sampling',
  'progress',
  'streams',
  'churn',
  'mixed',
] as const
export type ProfileName = (typeof profileNames)[number]

/** One tool of somebody else's server, as a scenario has it. */
export interface ScenarioTool {
  name: string
  /** `${canary}` in a text is the canary of the session. */
  arguments: Record<string, unknown>
  /** How often it is called, next to the others. */
  weight: number
  /** How long a session does nothing after it. */
  thinkMs: number
  /** Whether its answer repeats the canary. */
  echoes: boolean
}

/** Who a session belongs to. */
export interface User {
  name: string
  headers: Record<string, string>
}

/** The admin API of a gateway that may be hurt. */
export interface AdminAccess {
  url: string
  token: string
}

export interface ChaosPlan {
  /** Without it no worker is killed and no session stopped. */
  admin: AdminAccess | undefined
  everyMs: number
}

/** What one process has to do; JSON. */
export interface LoadPlan {
  url: string
  seed: CanarySeed
  /** Sessions of this process are numbered from here, in steps of `stride`. */
  firstNumber: number
  stride: number
  sessions: number
  profile: ProfileName | { tools: ScenarioTool[] }
  /** Exchanges each second; null: each session begins one when the one before is answered. */
  ratePerSecond: number | null
  durationMs: number
  /** Ends it before the time is up. */
  calls: number | null
  users: User[]
  timeoutMs: number
  /** Of a bundle: what stands before the names of each of its servers. */
  members?: string[] | undefined
  /** How many sessions are being opened at once. */
  openAtOnce: number
  chaos: ChaosPlan | null
}
