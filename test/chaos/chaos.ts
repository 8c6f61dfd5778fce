import { randomBytes } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { join } from 'node:path'

import type { SessionRecord } from '../../src/sessions/record.ts'
import { decode } from '../../src/sessions/stores/redis/codec.ts'
import type { TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import type { TestRedis } from '../support/redis.ts'
import { startRedis } from '../support/redis.ts'
import { sharedStateDir } from '../support/shared-gateways.ts'
import type { Owner } from '../support/temp.ts'
import { atEnd } from '../support/at-end.ts'
import type { Client } from './client.ts'
import { createClient } from './client.ts'
import type { Disasters } from './disasters.ts'
import { startDisasters } from './disasters.ts'
import type { Chances } from './random.ts'
import { createChances } from './random.ts'
import type { News, Replica } from './replicas.ts'
import { createNews, createReplica } from './replicas.ts'
import type { Tally } from './story.ts'
import { createTally } from './story.ts'

export interface ChaosOptions {
  seed: number
  seconds: number
  sessions: number
  /** Path of the executable. */
  redisServer: string
  withSandbox: boolean
}

/** What there is when it is over, and everything runs again. */
export interface Scene {
  stateDir: string
  /** In the environment of every server. */
  mark: string
  replicas: readonly Replica[]
  redis: TestRedis
  clients: readonly Client[]
  disasters: Disasters
  tally: Tally
  news: News
  chances: Chances
  /** The endpoint of a server at a replica that runs. */
  url(server: string): string
  records(): Promise<SessionRecord[]>
}

const replicaCount = 3
/** As short as a machine may stand still, so that what waits for it is over soon. */
const lostAfterMs = 6000

/** Three replicas with one store, clients that talk through all of them, and disasters. */
export async function runChaos(t: Owner, options: ChaosOptions): Promise<Scene> {
  const { seed, seconds, sessions } = options
  const chances = createChances(seed + 1)
  const mark = randomBytes(8).toString('hex')
  const stateDir = sharedStateDir(t)
  const redis = await startRedis(t, options.redisServer, { durable: true })
  const news = createNews()
  const servers = serversOf(mark, options.withSandbox)
  const shared = { stateDir, store: redis.config(), servers, lostAfterMs, news, env: process.env }
  const replicas = await Promise.all(
    Array.from({ length: replicaCount }, (_, at) => createReplica({ ...shared, name: `R${at}` })),
  )
  atEnd(t, async () => {
    await Promise.all(replicas.map((replica) => replica.end('SIGKILL')))
  })
  await Promise.all(replicas.map((replica) => replica.start()))

  const tally = createTally()
  const stop = new AbortController()
  setMaxListeners(0, stop.signal)
  atEnd(t, () => stop.abort())
  /** A balancer asks for health, but hears of the end of a replica a while later. */
  const url = (server: string): string => {
    const serving = replicas.filter((replica) => replica.isUp() || chances.upTo(6) === 0)
    const [first = replicas[0]!, ...rest] = serving
    return chances.pick([first, ...rest]).mcp(server)
  }
  const names = Object.keys(servers)
  const clients = Array.from({ length: sessions }, (_, at) =>
    createClient({
      server: names[at % names.length]!,
      chances,
      tally,
      stop: stop.signal,
      url,
      pauseMs: 40 * sessions,
    }),
  )
  atEnd(t, () => {
    for (const client of clients) client.close()
  })
  const disasters = startDisasters({
    // Their own: how often clients ask for a chance depends on how fast all goes.
    chances: createChances(seed),
    replicas,
    redis,
    news,
    workersDir: join(stateDir, 'workers'),
    forMs: seconds * 1000,
    pauseMs: 900,
  })
  await disasters.over
  stop.abort()
  await Promise.all(clients.map(({ done }) => done))
  return {
    stateDir,
    mark,
    replicas,
    redis,
    clients,
    disasters,
    tally,
    news,
    chances,
    url,
    records: () => recordsIn(redis),
  }
}

function serversOf(mark: string, withSandbox: boolean): Record<string, TestServer> {
  const server: TestServer = {
    command: ['node', compiled('test/fixtures/workers/remembers.js')],
    env: { PATH: process.env['PATH'] ?? '', BERTH_TEST_MARK: mark },
    graceMs: 500,
    startTimeoutMs: 15_000,
  }
  const plain = {
    stdio: server,
    direct: { ...server, http: true },
    'stdio-too': server,
    relayed: { ...server, http: true, relay: true },
  }
  if (!withSandbox) return plain
  const walled = Object.entries(plain).map(([name, each]) => [
    `walled-${name}`,
    { ...each, driver: 'sandbox' },
  ])
  return { ...plain, ...(Object.fromEntries(walled) as Record<string, TestServer>) }
}

async function recordsIn({ client }: TestRedis): Promise<SessionRecord[]> {
  const keys = await client.keys('{berth}:session:*')
  const fields = await Promise.all(keys.map((key) => client.hgetall(key)))
  return fields.flatMap((each) => decode(each) ?? [])
}
