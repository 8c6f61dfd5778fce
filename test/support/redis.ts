import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { Redis } from 'ioredis'

import type { RedisStoreConfig } from '../../src/sessions/options.ts'
import { certificate, certificateKey } from '../fixtures/redis-certificate.ts'
import { atEnd } from './at-end.ts'
import { eventually } from './eventually.ts'
import { freePort } from './free-port.ts'
import type { Owner } from './temp.ts'
import { tempDir } from './temp.ts'

export interface RedisOptionsOfTest {
  /** Keeps its data over a stop. */
  durable?: boolean
  /** Listens on a port of 127.0.0.1 too. */
  tcp?: boolean
  /** The port expects TLS, with the certificate of `redis.test`. */
  tls?: boolean
  /** The one node of a cluster, with all slots. Implies `tcp`. */
  cluster?: boolean
  /** More words of the command line. */
  args?: string[]
}

export interface TestRedis {
  readonly socket: string
  /** 0 without `tcp`. */
  readonly port: number
  readonly certFile: string
  /** A client of the test's own, on the socket. */
  readonly client: Redis
  /** How a store finds it: over the socket. */
  config(changes?: Partial<RedisStoreConfig>): RedisStoreConfig
  stop(signal?: NodeJS.Signals): Promise<void>
  /**
   * After `stop`. Without `durable` it comes back empty.
   *
   * @param data what a durable one comes back with: `earlier` is what it had at the stop before
   */
  start(data?: 'kept' | 'empty' | 'earlier'): Promise<void>
  /** Stands still, with its sockets open. */
  pause(): void
  resume(): void
}

/**
 * A redis-server of the test's own. It is gone after the test.
 *
 * @param path the executable, from `need` or `needed`
 */
export async function startRedis(
  t: Owner,
  path: string,
  options: RedisOptionsOfTest = {},
): Promise<TestRedis> {
  const dir = tempDir(t)
  const socket = join(dir, 's')
  const data = join(dir, 'data')
  const certFile = join(dir, 'cert.pem')
  const port = options.tcp || options.tls || options.cluster ? await freePort() : 0
  const words = await wordsOf(options, { dir, data, socket, certFile, port })
  let child: ChildProcess | undefined

  const client = new Redis({ path: socket, lazyConnect: true, retryStrategy: () => 10 })
  client.on('error', () => undefined)
  const [now, earlier] = [join(dir, 'now'), join(dir, 'earlier')]
  const start = async (what: 'kept' | 'empty' | 'earlier' = 'kept'): Promise<void> => {
    if (what !== 'kept') rmSync(data, { recursive: true, force: true })
    if (what === 'earlier' && existsSync(earlier)) cpSync(earlier, data, { recursive: true })
    mkdirSync(data, { recursive: true })
    child = spawn(path, words, { stdio: 'ignore' })
    await answers(socket)
  }
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    const running = child
    child = undefined
    if (running === undefined) return
    running.kill('SIGCONT')
    running.kill(signal)
    if (running.exitCode === null && running.signalCode === null) await once(running, 'exit')
    if (options.durable) {
      rmSync(earlier, { recursive: true, force: true })
      if (existsSync(now)) renameSync(now, earlier)
      cpSync(data, now, { recursive: true })
    } else rmSync(data, { recursive: true, force: true })
  }
  atEnd(t, () => stop('SIGKILL'))
  await start()
  atEnd(t, () => client.disconnect())
  if (options.cluster) {
    await client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
    await eventually(async () => {
      if (!String(await client.call('CLUSTER', 'INFO')).includes('cluster_state:ok')) throw notYet
    })
  }

  return {
    socket,
    port,
    certFile,
    client,
    config: (changes = {}) => redisConfig({ place: { kind: 'socket', path: socket }, ...changes }),
    stop,
    start,
    pause: () => child?.kill('SIGSTOP'),
    resume: () => child?.kill('SIGCONT'),
  }
}

const notYet = new Error('the cluster is not there yet')

/** A whole configuration of a Redis store. */
export function redisConfig(
  changes: Partial<RedisStoreConfig> & Pick<RedisStoreConfig, 'place'>,
): RedisStoreConfig {
  return {
    kind: 'redis',
    db: 0,
    prefix: 'berth',
    username: undefined,
    password: undefined,
    tls: undefined,
    ...changes,
  }
}

async function wordsOf(
  options: RedisOptionsOfTest,
  at: { dir: string; data: string; socket: string; certFile: string; port: number },
): Promise<string[]> {
  const words = ['--unixsocket', at.socket, '--dir', at.data, '--save', '', '--daemonize', 'no']
  words.push('--bind', '127.0.0.1', options.tls ? '--tls-port' : '--port', String(at.port))
  if (options.durable) words.push('--appendonly', 'yes', '--appendfsync', 'always')
  if (options.tls) {
    const keyFile = join(at.dir, 'key.pem')
    writeFileSync(at.certFile, certificate)
    writeFileSync(keyFile, certificateKey)
    words.push('--port', '0', '--tls-cert-file', at.certFile, '--tls-key-file', keyFile)
    words.push('--tls-auth-clients', 'no', '--tls-ca-cert-file', at.certFile)
  }
  if (options.cluster) {
    words.push('--cluster-enabled', 'yes', '--cluster-port', String(await freePort()))
    words.push('--cluster-announce-ip', '127.0.0.1', '--cluster-node-timeout', '500')
  }
  return [...words, ...(options.args ?? [])]
}

/** A sentinel that watches one Redis, which it calls `mymaster`. */
export async function startSentinel(t: Owner, path: string, watched: number): Promise<number> {
  const dir = tempDir(t)
  const port = await freePort()
  const socket = join(dir, 's')
  const file = join(dir, 'sentinel.conf')
  const lines = [`port ${port}`, 'bind 127.0.0.1', `unixsocket ${socket}`, `dir ${dir}`]
  lines.push(`sentinel monitor mymaster 127.0.0.1 ${watched} 1`)
  writeFileSync(file, lines.join('\n'))
  const child = spawn(path, [file, '--sentinel'], { stdio: 'ignore' })
  atEnd(t, async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  await answers(socket)
  return port
}

async function answers(socket: string): Promise<void> {
  await eventually(
    async () => {
      const client = new Redis({ path: socket, lazyConnect: true, retryStrategy: null })
      client.on('error', () => undefined)
      try {
        await client.connect()
      } finally {
        client.disconnect()
      }
    },
    { everyMs: 5 },
  )
}
