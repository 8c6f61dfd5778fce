import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../../src/config/config.ts'
import { startGateway } from '../../src/gateway.ts'
import { createLogger, logEvents } from '../../src/ground/log.ts'
import type { TestServer } from '../support/config.ts'
import { testConfig, testServer } from '../support/config.ts'

/** What this program is told, as JSON in its only argument. */
export interface BerthOptions {
  stateDir: string
  servers: Record<string, TestServer>
  /** Default: memory. */
  store?: Config['store']
  /** Of the public listener. Default: any. */
  port?: number
  /** Whether it wants a token of the local issuer in its state directory. */
  wantsToken?: boolean
}

const options = JSON.parse(process.argv[2] ?? '{}') as BerthOptions
const { stateDir, store = { kind: 'memory' }, port = 0, wantsToken = false } = options
const servers = Object.entries(options.servers).map(([name, server]) =>
  testServer(name, { ...server, lifecycle: { idleMs: 900_000, maxMs: 28_800_000 } }),
)
const caps = { maxSessions: 5000, maxQueued: 5000 }
const setting = wantsToken ? 'local' : 'none'
const authorization: Config['authorization'] = {
  global: setting,
  servers: Object.fromEntries(servers.map(({ name }) => [name, setting])),
  resource: 'server',
  clockSkewMs: 60_000,
}
const gateway = await startGateway(
  testConfig(stateDir, servers, { caps, store, listen: { port }, authorization }),
  {
    onEvents(events) {
      const stream = createWriteStream(join(stateDir, 'berth.log'))
      logEvents(events, createLogger({ level: 'info', isPretty: false, stream }))
    },
  },
)
process.stdout.write(`${gateway.url}\n`)

let ending: Promise<void> | undefined
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.on(signal, () => {
    ending ??= gateway.close({ drainMs: 0 }).then(() => process.exit(0))
  })
}

const collect = globalThis.gc as ((how: object) => void) | undefined
process.on('SIGUSR2', () => void sayMemory())

async function sayMemory(): Promise<void> {
  // What finalizers let go of is garbage only in the next round. A last resort gives pages back.
  for (let round = 0; round < 4; round += 1) {
    collect?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
    await sleep(50)
  }
  process.stdout.write(`${JSON.stringify(process.memoryUsage())}\n`)
}
