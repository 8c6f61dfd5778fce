import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

import type { BerthEvents } from '../../src/ground/events.ts'
import type { RedisStoreConfig } from '../../src/sessions/options.ts'
import type { TestServer } from '../support/config.ts'
import { compiled, testConfig, testServer } from '../support/config.ts'
import { freePort } from '../support/free-port.ts'
import { longEnoughMs } from '../support/patience.ts'

/** A gateway that somebody keeps alive, as a service manager does. */
export interface Replica {
  readonly name: string
  isUp(): boolean
  mcp(server: string): string
  /** Starts it, and tries again until it has started. */
  start(): Promise<void>
  /** Ends it with this signal; settles when it is gone. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

/** What the replicas have told of sessions, each in its own time. */
export interface News {
  /** By the short handle of a session: why it was closed, once for each time. */
  closed: Map<string, { reason: string; atMs: number; by: string }[]>
  counts: Record<'session.opened' | 'session.adopted' | 'session.released', number>
  /** Warnings for the operator, and how often. */
  warnings: Map<string, number>
  /** What happened, of a session or in general. */
  trace: { atMs: number; words: string; handle?: string }[]
  /** What a gateway must not do: end by itself, or write to stderr. */
  wrongs: string[]
}

export interface ReplicaOptions {
  name: string
  stateDir: string
  store: RedisStoreConfig
  servers: Record<string, TestServer>
  lostAfterMs: number
  env: NodeJS.ProcessEnv
  news: News
}

const retryMs = 200
const endsWithinMs = longEnoughMs

/** Why a gateway may not start: Redis is away, is loading, or went between two questions. */
const refusals = /no Redis answers|says: LOADING|code: 'ERR_SESSIONS_STORE'/

export function createNews(): News {
  return {
    closed: new Map(),
    counts: { 'session.opened': 0, 'session.adopted': 0, 'session.released': 0 },
    warnings: new Map(),
    trace: [],
    wrongs: [],
  }
}

export async function createReplica(options: ReplicaOptions): Promise<Replica> {
  const { name, stateDir, store, lostAfterMs, env, news } = options
  const port = await freePort()
  const servers = Object.entries(options.servers).map(([key, server]) => testServer(key, server))
  const overrides = {
    store,
    listen: { port },
    caps: { maxSessions: 2000, maxQueued: 1000 },
    drainMs: 300,
  }
  const config = JSON.stringify(testConfig(stateDir, servers, overrides))
  const words = [compiled('test/fixtures/gateway-program.js'), config]
  let child: ChildProcess | undefined
  let isUp = false
  let isWanted = false
  const wanted = (): boolean => isWanted

  /** @returns whether it serves now; it does not while Redis is away */
  const startOnce = async (): Promise<boolean> => {
    const program = spawn(process.execPath, [...words, JSON.stringify({ lostAfterMs })], {
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child = program
    let complaint = ''
    let wasReady = false
    program.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text))
    const gone = once(program, 'close')
    const ready = new Promise<boolean>((resolve) => {
      createInterface({ input: program.stdout }).on('line', (line) => {
        if (line.startsWith('{"name":"ready"')) {
          wasReady = true
          resolve(true)
        } else hear(line)
      })
      void gone.then(() => resolve(false))
    })
    void gone.then(([code, signal]) => {
      isUp = false
      const isRefused = !wasReady && refusals.test(complaint)
      const isExpected = !isWanted || isRefused
      if (!isExpected) news.wrongs.push(`${name} ended (${code ?? signal}): ${complaint}`)
      else if (!isWanted && complaint !== '') news.wrongs.push(`${name} says: ${complaint}`)
    })
    isUp = await ready
    note(isUp ? 'is up' : 'did not start')
    return isUp
  }

  const hear = (line: string): void => {
    if (!/^\{"name":"(session\.[oalrc]|operator)/.test(line)) return
    const told = JSON.parse(line) as { name: string; news: { session?: string } }
    note(told.name, told.news.session)
    if (told.name === 'operator.warned') {
      const { message } = told.news as BerthEvents['operator.warned']
      news.warnings.set(message, (news.warnings.get(message) ?? 0) + 1)
    } else if (told.name === 'session.closed') {
      const { session, reason } = told.news as BerthEvents['session.closed']
      const known = news.closed.get(session) ?? []
      news.closed.set(session, [...known, { reason, atMs: Date.now(), by: name }])
    } else if (told.name in news.counts) news.counts[told.name as keyof News['counts']] += 1
  }
  const note = (what: string, handle?: string): void => {
    const words = `${name} ${what} ${handle ?? ''}`
    news.trace.push({ atMs: Date.now(), words, ...(handle === undefined ? {} : { handle }) })
  }

  return {
    name,
    isUp: () => isUp,
    mcp: (server) => `http://127.0.0.1:${port}/servers/${server}/mcp`,

    async start() {
      isWanted = true
      // It may be ended while it still tries.
      while (wanted() && !(await startOnce())) await sleep(retryMs)
    },

    async end(signal) {
      const running = child
      isWanted = false
      isUp = false
      if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
      const gone = once(running, 'close')
      note(signal)
      running.kill(signal)
      const late = setTimeout(() => {
        news.wrongs.push(`${name} did not end within ${endsWithinMs / 1000} s of ${signal}`)
        running.kill('SIGKILL')
      }, endsWithinMs)
      await gone
      clearTimeout(late)
    },
  }
}
