import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, openSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { atEnd } from '../support/at-end.ts'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { alive, processesWith } from '../support/processes.ts'
import { rawRequest } from '../support/raw-http.ts'
import type { Owner } from '../support/temp.ts'

/** `mcp-berth serve` as its users run it: a process of its own, with a configuration file. */
export interface AttackedGateway {
  readonly url: string
  readonly port: number
  readonly folder: string
  readonly stateDir: string
  readonly configFile: string
  mcp(server: string): string
  /** Whether its process lives and answers. */
  isUp(): Promise<boolean>
  /** How it ended, if it did. */
  ended(): string | undefined
  /** Everything it has written. */
  log(): string
  /** Bytes that it holds in memory now, of its own. */
  residentBytes(): number
  stop(): Promise<void>
}

export interface GatewayOptions {
  /** Words before the command, such as a shell that sets a limit. */
  wrap?: string[]
  env?: NodeJS.ProcessEnv
}

const main = compiled('src/cli/main.js')

/**
 * Starts it in this folder; what it needs to find beside its configuration is there already.
 *
 * @throws with everything it has said, if it does not start
 */
export async function startAttacked(
  t: Owner,
  folder: string,
  config: Record<string, unknown>,
  { wrap = [], env = {} }: GatewayOptions = {},
): Promise<AttackedGateway> {
  const [port, adminPort] = [await freePort(), await freePort()]
  const configFile = join(folder, 'berth.json')
  const stateDir = join(folder, 'state')
  const logFile = join(folder, 'log')
  mkdirSync(folder, { recursive: true })
  const whole = { stateDir, ...config, listen: { port }, admin: { port: adminPort } }
  writeFileSync(configFile, JSON.stringify(whole))
  const log = openSync(logFile, 'a')
  const [command, ...words] = [...wrap, process.execPath, main, 'serve', '--config', configFile]
  const child = spawn(command, words, {
    cwd: folder,
    env: { ...ownEnvironment(), ...env },
    stdio: ['ignore', log, log],
  })
  let ended: string | undefined
  const gone = once(child, 'exit').then(([code, signal]) => {
    ended = String(code ?? signal)
  })
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    if (ended === undefined) child.kill(signal)
    await gone
  }
  atEnd(t, async () => {
    await stop('SIGKILL')
    // Workers of a gateway with Redis outlive it.
    await eventually(() => {
      const left = processesWith(folder)
      for (const { pid } of left) kill(pid)
      if (left.length > 0) throw new Error(`${left.length} processes are left`)
    })
  })

  const gateway: AttackedGateway = {
    url: `http://127.0.0.1:${port}`,
    port,
    folder,
    stateDir,
    configFile,
    mcp: (server) => `${gateway.url}/servers/${server}/mcp`,
    async isUp() {
      if (ended !== undefined) return false
      const { status } = await rawRequest(`${gateway.url}/healthz`)
      return status === 200
    },
    ended: () => ended,
    log: () => readFileSync(logFile, 'utf8'),
    residentBytes: () => residentBytes(servingPid(stateDir) ?? child.pid ?? 0),
    stop: () => stop('SIGTERM'),
  }
  await eventually(async () => {
    if (ended !== undefined) return
    if (!(await gateway.isUp())) throw new Error(`it does not answer: ${gateway.log()}`)
  })
  if (ended !== undefined) throw new Error(`it ended with ${ended}: ${gateway.log()}`)
  return gateway
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}

/** What a user has, and nothing that says that this is a test. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const foreign = /^(BERTH_|npm_|NODE_TEST_CONTEXT$|CI$|FORCE_COLOR$|NO_COLOR$)/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)))
}

/** Behind a shell that wraps it the gateway is another process than the one that was started. */
function servingPid(stateDir: string): number | undefined {
  const names = readdirSync(join(stateDir, 'gateways')).map((name) => Number.parseInt(name, 10))
  return names.find((pid) => Number.isInteger(pid) && alive(pid))
}

function residentBytes(pid: number): number {
  const [, kib = '0'] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) * 1024
}
