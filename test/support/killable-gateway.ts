import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

import type { BerthEvents, EventName } from '../../src/ground/events.ts'
import { atEnd } from './at-end.ts'
import type { TestConfig, TestServer } from './config.ts'
import { compiled, testConfig, testServer } from './config.ts'
import { longEnoughMs } from './patience.ts'
import type { Owner } from './temp.ts'

/** A gateway in a process of its own (`test/fixtures/gateway-program.ts`), to be killed. */
export interface GatewayProcess {
  pid: number
  /** The pid of the gateway that it has taken over from. */
  predecessor: number | undefined
  mcp(server: string): string
  bundle(name: string): string
  /** The next event of this name that fits; it may have come already. */
  saw<N extends EventName>(
    name: N,
    fits?: (news: BerthEvents[N]) => boolean,
  ): Promise<BerthEvents[N]>
  /** What happened so far. */
  seen<N extends EventName>(name: N): BerthEvents[N][]
  /** Moves its clock on. */
  advance(ms: number): Promise<void>
  /** Has its event loop stand still, and settles when it runs again. */
  block(ms: number): Promise<void>
  /** The next signal that it was sent and survived. */
  signalled(): Promise<void>
  /** Kills it as nothing can be caught, and settles when it is gone. */
  kill(): Promise<void>
  /** Tells it to close without waiting for exchanges, and settles when it is gone. */
  stop(): Promise<void>
}

export interface GatewayProcessOptions {
  stateDir: string
  /** Environment of the gateway itself. */
  env?: NodeJS.ProcessEnv
  overrides?: TestConfig
  /** Whether it takes over from the gateway that listens where it is to listen. */
  takeover?: boolean
  lostAfterMs?: number
  /** Words before its command, of what sets limits for it. */
  wrap?: string[]
}

export async function startGatewayProcess(
  t: Owner,
  servers: Record<string, TestServer>,
  { stateDir, env = process.env, overrides, wrap = [], ...options }: GatewayProcessOptions,
): Promise<GatewayProcess> {
  const configured = Object.entries(servers).map(([name, server]) => testServer(name, server))
  const config = JSON.stringify(testConfig(stateDir, configured, overrides))
  const words = [compiled('test/fixtures/gateway-program.js'), config, JSON.stringify(options)]
  const [command = process.execPath, ...args] = [...wrap, process.execPath, ...words]
  const child = spawn(command, args, {
    env,
    // A process group of its own, as a shell gives it to what is started at a terminal.
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    child.kill(signal)
    await exited
  }
  atEnd(t, () => end('SIGTERM'))

  const log: { name: string; news: unknown }[] = []
  const listeners = new Set<() => void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    log.push(JSON.parse(line) as { name: string; news: unknown })
    for (const listener of listeners) listener()
  })
  const seen = (name: string): unknown[] =>
    log.filter((entry) => entry.name === name).map(({ news }) => news)
  const saw = (name: string, fits: (news: never) => boolean = () => true): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = seen(name).find((news) => fits(news as never))
        if (found === undefined) return
        clearTimeout(limit)
        listeners.delete(look)
        resolve(found)
      }
      const limit = setTimeout(() => {
        reject(new Error(`no ${name} came; what came:\n${JSON.stringify(log, null, 1)}`))
      }, longEnoughMs)
      listeners.add(look)
      look()
    })

  let moves = 0
  const { url, predecessor } = (await saw('ready')) as {
    url: string
    predecessor?: { pid: number }
  }
  return {
    pid: child.pid ?? 0,
    predecessor: predecessor?.pid,
    mcp: (server) => `${url}/servers/${server}/mcp`,
    bundle: (name) => `${url}/bundles/${name}/mcp`,
    seen: seen as GatewayProcess['seen'],
    saw: saw as GatewayProcess['saw'],
    async advance(ms) {
      moves += 1
      child.stdin.write(`${ms}\n`)
      const move = moves
      await saw('moved on', ({ moves: done }: { moves: number }) => done === move)
    },
    async block(ms) {
      child.stdin.write(`block ${ms}\n`)
      await saw('unblocked')
    },
    signalled: () => saw('signal').then(() => undefined),
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
  }
}
