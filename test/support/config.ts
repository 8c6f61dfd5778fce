import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'

import { readBundles } from '../../src/config/bundles.ts'
import type { Config } from '../../src/config/config.ts'
import { createProblems } from '../../src/config/problems.ts'
import { runtimeArnOf } from '../../src/config/runtime-arn.ts'
import type { Server } from '../../src/sessions/server.ts'
import type { Limits, SandboxOptions } from '../../src/workers/driver.ts'
import { longEnoughMs } from './patience.ts'

/** The compiled file of a path below `dist/`, such as `test/fixtures/workers/echo.js`. */
export function compiled(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url))
}

export interface TestServer extends Partial<Omit<Server, 'launch'>> {
  /** Words of the command; `node` alone is this Node. */
  command?: [string, ...string[]]
  http?: boolean
  relay?: boolean
  port?: number
  path?: string
  url?: string
  /** What the configuration says of `url`; by default the same. */
  shown?: string
  limits?: Limits
  /** Default: 8, as the configuration has it. */
  sessionsPerKeeper?: number
  preload?: string[]
  sandbox?: Partial<SandboxOptions>
}

/** What a server has that says nothing of a sandbox. */
export const noSandbox: SandboxOptions = { network: 'host', outbound: true, mounts: [], hidden: [] }

/** A configured server with short times. */
export function testServer(name: string, options: TestServer): Server {
  const {
    command = ['node'],
    http = false,
    relay = false,
    port,
    protocol = 'mcp',
    path = protocol === 'http' ? '/invocations' : '/mcp',
    url,
    shown = url,
    limits = {},
    sessionsPerKeeper = 8,
    preload,
    sandbox = {},
    ...rest
  } = options
  const [word, ...args] = command
  const program = word === 'node' ? process.execPath : word
  return {
    name,
    runtimeArn: runtimeArnOf(name, account),
    isDefault: false,
    protocol,
    mode: 'stateful',
    driver: url === undefined ? 'process' : 'remote',
    launch:
      url === undefined
        ? {
            kind: 'local',
            shown: command.join(' '),
            command: program,
            args,
            transport: http ? 'http' : 'stdio',
            ...(protocol === 'http' ? { isPlain: true as const } : {}),
            ...(port === undefined ? {} : { port }),
            path,
            relay,
            sessionsPerKeeper,
            limits,
            ...(preload === undefined ? {} : { preload }),
            sandbox: { ...noSandbox, ...sandbox },
          }
        : { kind: 'remote', shown: shown ?? url, url, headers: {} },
    cwd: 'session',
    env: { PATH: process.env.PATH ?? '' },
    credentials: undefined,
    // Longer than any file takes: what one opens at its beginning is there at its end.
    lifecycle: { idleMs: 600_000, maxMs: 1_800_000 },
    startTimeoutMs: longEnoughMs,
    graceMs: 2000,
    requireLimits: false,
    warm: undefined,
    requestHeaders: undefined,
    ...rest,
  }
}

/** As the configuration has it by default. */
const account = { accountId: '123456789012', region: 'us-east-1' }

export interface TestConfig extends Partial<
  Omit<Config, 'bundles' | 'listen' | 'caps' | 'retention' | 'authorization' | 'agentcore'>
> {
  /** As it is written in a file. */
  bundles?: Readonly<Record<string, Record<string, unknown>>>
  agentcore?: Partial<Config['agentcore']>
  authorization?: Partial<Config['authorization']>
  listen?: Partial<Config['listen']>
  caps?: Partial<Config['caps']>
  retention?: Partial<Config['retention']>
}

/** A whole configuration on free ports. */
export function testConfig(
  stateDir: string,
  servers: Server[],
  overrides: TestConfig = {},
): Config {
  const { listen, caps, retention, authorization, agentcore, bundles, ...rest } = overrides
  const problems = createProblems()
  const bundled = readBundles(bundles, {
    servers,
    isWanted: false,
    usualLifecycle: undefined,
    account,
    problems,
  })
  problems.throwIfAny('the configuration of the test')
  return {
    file: undefined,
    listen: {
      host: '127.0.0.1',
      port: 0,
      publicUrl: undefined,
      allowedOrigins: [],
      allowedHosts: [],
      bodyLimitBytes: 4 * 1024 * 1024,
      ...listen,
    },
    admin: { host: '127.0.0.1', port: 0 },
    store: { kind: 'memory' },
    agentcore: {
      ...account,
      deadSession: 'not-found',
      delete: 'end',
      bodyLimitBytes: 100_000_000,
      requestTimeoutMs: 900_000,
      streamMaxMs: 3_600_000,
      ...agentcore,
    },
    allowAnonymous: 'loopback',
    secrets: { file: undefined, userKey: 'sub', shared: {}, command: undefined },
    authorization: {
      global: 'none',
      servers: {},
      resource: 'server',
      clockSkewMs: 60_000,
      ...authorization,
    },
    caps: {
      maxSessions: 500,
      maxSessionsPerPrincipal: 100,
      maxStarting: 2 * cpus().length,
      maxQueued: 100,
      // What else runs on the machine is to change no test.
      minFreeMemory: 0,
      ...caps,
    },
    quotas: undefined,
    workerPorts: undefined,
    drainMs: 1000,
    stateDir,
    searchPath: process.env.PATH ?? '',
    retention: {
      maxAgeMs: 86_400_000,
      maxTotalBytes: 1024 ** 3,
      logFileBytes: 10 * 1024 ** 2,
      ...retention,
    },
    log: { level: 'info', pretty: false },
    servers: bundles === undefined ? servers : bundled.servers,
    bundles: bundled.bundles,
    warnings: [],
    clientNotes: [],
    ...rest,
  }
}
