import type { Access } from '../auth/access.ts'
import type { ServerCredentials } from '../ground/credentials.ts'
import type { ProtocolName } from '../ground/paths.ts'
import type { Speaking } from '../protocols/protocols.ts'
import type { InsideLaunch, LocalLaunch, RemoteLaunch } from '../workers/driver.ts'
import type { WarmWish } from '../workers/warm/options.ts'
import type { OnExpired } from './options.ts'

/** One entry of the configuration as the rooms need it: checked, filled, frozen. */
export interface Server {
  name: string
  /** Its name at `/runtimes/…`: `arn:aws:bedrock-agentcore:REGION:ACCOUNT:runtime/ID`. */
  runtimeArn: string
  /** Served below `/bundles`, and not below `/servers`: several servers as one. */
  isBundle?: boolean
  /** Served at `/mcp` too, or at `/invocations`. */
  isDefault: boolean
  /** `http`: AgentCore's contract for agents that speak no MCP, `POST /invocations`, `GET /ping`. */
  protocol: ProtocolName
  /** Of MCP: `stateless` servers keep no sessions; their ids are the gateway's alone. */
  mode: Speaking['mode']
  /** Name of the worker driver: `process`, `sandbox`, `remote` for a `url`, or `inside` for a bundle. */
  driver: string
  launch: LocalLaunch | RemoteLaunch | InsideLaunch
  /** `session`: an empty folder of the session's own; else an absolute path. */
  cwd: string
  /** The whole environment of a worker but for `PORT`, `TMPDIR` and `BERTH_*`. Secret. */
  env: Record<string, string>
  /** What of that is known only when a session opens; undefined where nothing is. */
  credentials: ServerCredentials | undefined
  lifecycle: Lifecycle
  /** Start allowance, for readiness and the answer to `initialize`. Default 120 000. */
  startTimeoutMs: number
  /** Between asking a worker to stop and killing it. Default 5 000. */
  graceMs: number
  /** What a request gets whose session has ended by itself. Default `not-found`. */
  onExpired?: OnExpired
  /** Whether a limit that cannot be enforced here keeps the gateway from starting. */
  requireLimits: boolean
  /** How many workers are started ahead of sessions; undefined where none are. */
  warm: WarmWish | undefined
  /** Why none are, though `defaults` would have some. */
  coldBecause?: string
  /** Who may use what of it; undefined where everybody may use everything. */
  access?: Access | undefined
  /** AgentCore's `requestHeaderAllowlist`, in lower case; undefined where there is none. */
  requestHeaders: readonly string[] | undefined
}

/** Of a session that was opened when the configuration still had its server: enough to end it. */
export function unknownServer(name: string): Server {
  return {
    name,
    runtimeArn: '',
    isDefault: false,
    protocol: 'mcp',
    mode: 'stateful',
    driver: 'remote',
    launch: { kind: 'remote', shown: name, url: '', headers: {} },
    cwd: 'session',
    env: {},
    credentials: undefined,
    lifecycle: { idleMs: 900_000, maxMs: 28_800_000 },
    startTimeoutMs: 120_000,
    graceMs: 5000,
    requireLimits: false,
    warm: undefined,
    requestHeaders: undefined,
  }
}

/** AgentCore's `lifecycleConfiguration`, in milliseconds. `idleMs` <= `maxMs`. */
export interface Lifecycle {
  idleMs: number
  maxMs: number
}

/** How many sessions there may be. */
export interface Caps {
  /** Per gateway. Default 500. */
  maxSessions: number
  /** Per principal. Default 100; for `anonymous` it is `maxSessions`. */
  maxSessionsPerPrincipal: number
  /** Workers that start at the same time, but for two that `places.ts` keeps. Default 2 x cores. */
  maxStarting: number
  /** Sessions that wait for a start. Default 100. */
  maxQueued: number
  /** Percent of the memory below which no worker starts; 0: it is not looked at. Default 5. */
  minFreeMemory: number
}
