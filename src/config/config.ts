import type { AuthorizationConfig, SecretsConfig } from '../auth/options.ts'
import type { AgentcoreDialect } from '../protocols/options.ts'
import type { Bundle } from '../bundle/options.ts'
import type { ListenConfig } from '../proxy/options.ts'
import type { QuotasConfig } from '../proxy/options.ts'
import type { RedisStoreConfig } from '../sessions/options.ts'
import type { Caps, Server } from '../sessions/server.ts'
import type { PortRange } from '../ground/port-range.ts'

/** The whole configuration: checked, defaults filled in, frozen. Rooms receive their slice. */
export interface Config {
  /** Absolute path of the file it came from; undefined when it came from the command line. */
  file: string | undefined
  listen: ListenConfig
  admin: { host: string; port: number }
  store: { kind: 'memory' } | RedisStoreConfig
  agentcore: AgentcoreConfig
  allowAnonymous: 'loopback' | 'any-address'
  authorization: AuthorizationConfig
  secrets: SecretsConfig
  caps: Caps
  /** Undefined where nothing is limited. */
  quotas: QuotasConfig | undefined
  /** Between SIGTERM and the end of every worker: how long exchanges may finish. Default 10 000. */
  drainMs: number
  /** Of servers that have none fixed. Default: what the system and usual programs leave. */
  workerPorts: PortRange | undefined
  /** Absolute path. Default `$XDG_STATE_HOME/berth`, else `~/.local/state/berth`. */
  stateDir: string
  /** PATH of the gateway: where it looks for the programs that it needs itself, such as bwrap. */
  searchPath: string
  /** Session folders and logs of ended sessions. */
  retention: { maxAgeMs: number; maxTotalBytes: number; logFileBytes: number }
  log: { level: string; pretty: 'auto' | boolean }
  /** Those of the bundles are the last ones. */
  servers: Server[]
  bundles: Bundle[]
  /** One sentence each; `serve` and `check` print them. */
  warnings: string[]
  /** Those of the warnings that whoever sets up a client has to know: files passed over, new names. */
  clientNotes: string[]
}

/** The face at `/runtimes/…`. */
export interface AgentcoreConfig extends AgentcoreDialect {
  /** Twelve digits. */
  accountId: string
  region: string
  /** Of one payload. Default 100 MB, as AgentCore has it. */
  bodyLimitBytes: number
}
