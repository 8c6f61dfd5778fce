import { mkdirSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'

import { atEnd } from '../support/at-end.ts'
import { compiled } from '../support/config.ts'
import { longEnoughMs } from '../support/patience.ts'
import type { RawSession } from '../support/raw-session.ts'
import { openRaw } from '../support/raw-session.ts'
import type { Owner } from '../support/temp.ts'
import { tempDir } from '../support/temp.ts'
import type { Attack, Try } from './attack.ts'
import type { AttackedGateway, GatewayOptions } from './gateway.ts'
import { startAttacked } from './gateway.ts'

/** What an attack may use. Whatever it starts ends with it. */
export interface Scene extends Owner {
  /** A gateway with a bystander, shared by attacks until one of them ends it. */
  gateway(): Promise<Stage>
  /** One of this attack's own. Its folder is empty, unless `prepare` puts something there. */
  own(config: Record<string, unknown>, options?: OwnOptions): Promise<Stage>
  folder(): string
  /** Tells of one thing that was tried, and whether Berth held. */
  tried(what: string, held: boolean, evidence?: unknown): void
}

export interface OwnOptions extends GatewayOptions {
  folder?: string
}

/** A gateway, and a session beside the attack that nothing may happen to. */
export interface Stage extends AttackedGateway {
  bystander: RawSession
  /** Whether the gateway is the same process and the bystander knows what it was told. */
  isUnharmed(): Promise<boolean>
  /** The highest resident size while this goes on, beyond what it was before, in MB. */
  growthMb(work: () => Promise<unknown>): Promise<number>
}

const program = [compiled('test/fixtures/workers/hostile.js')]
const command = process.execPath

/** Servers of every stage: `good` has the bystander, the others do what they are told. */
export const servers = {
  good: { command, args: program, default: true },
  stdio: { command, args: program },
  http: { command, args: program, transport: 'http' },
} as const

/** A hostile server with this environment. */
export const hostile = (env: Record<string, string>, more: Record<string, unknown> = {}) => ({
  command,
  args: program,
  env,
  ...more,
})

export function createScene(
  owner: Owner,
  shared: SharedStage,
  attack: Attack,
  tell: (each: Try) => void,
): Scene {
  let count = 0
  const folder = (): string => {
    const made = join(tempDir(owner), String((count += 1)))
    mkdirSync(made)
    return made
  }
  return {
    after: (ending) => owner.after(ending),
    gateway: () => shared.take(),
    own: (config, { folder: given = folder(), ...options } = {}) =>
      openStage(owner, given, config, options),
    folder,
    tried(what, held, evidence = '') {
      const text = typeof evidence === 'string' ? evidence : JSON.stringify(evidence)
      tell({ attack, what, held, evidence: text.slice(0, 400) })
    },
  }
}

/** The gateway that attacks share; another one is started when it was harmed. */
export interface SharedStage {
  take(): Promise<Stage>
  isUnharmed(): Promise<boolean>
}

export function createSharedStage(owner: Owner): SharedStage {
  let current: Stage | undefined
  return {
    async take() {
      current ??= await openStage(owner, tempDir(owner), { mcpServers: servers })
      return current
    },
    async isUnharmed() {
      if (current === undefined) return true
      const isUnharmed = await current.isUnharmed()
      if (!isUnharmed) current = undefined
      return isUnharmed
    },
  }
}

async function openStage(
  owner: Owner,
  folder: string,
  config: Record<string, unknown>,
  options: GatewayOptions = {},
): Promise<Stage> {
  const { mcpServers = {}, ...others } = config
  const all = { ...others, mcpServers: { good: servers.good, ...(mcpServers as object) } }
  const gateway = await startAttacked(owner, folder, all, options)
  const bystander = await openRaw(gateway.mcp('good'))
  const secret = `told-${Math.random()}`
  await callText(bystander, 'remember', { value: secret })
  return {
    ...gateway,
    bystander,
    async isUnharmed() {
      if (gateway.ended() !== undefined) return false
      const recalled = callText(bystander, 'recall', {}).catch(String)
      return (await withinLong(recalled)) === secret
    },
    async growthMb(work) {
      const before = gateway.residentBytes()
      let most = before
      const watch = setInterval(() => {
        if (gateway.ended() === undefined) most = Math.max(most, gateway.residentBytes())
      }, 100)
      atEnd(owner, () => clearInterval(watch))
      try {
        await work()
      } finally {
        clearInterval(watch)
      }
      return Math.round((most - before) / 1e6)
    },
  }
}

/** Calls a tool of a hostile server, and gives its value, however the answer comes. */
export async function callText(
  session: RawSession,
  tool: string,
  args: Record<string, unknown>,
): Promise<unknown> {
  const answer = await session.call(tool, args)
  const text = await answer.text()
  const line = text
    .split('\n')
    .map((each) => each.replace(/^data: ?/, ''))
    .findLast((each) => each.startsWith('{'))
  const message = JSON.parse(line ?? 'null') as {
    result?: { content?: [{ text: string }] }
  } | null
  const said = message?.result?.content?.[0].text
  return said === undefined ? `no result: ${answer.status} ${text.slice(0, 200)}` : JSON.parse(said)
}

/** The value, or that there was none in a time in which everything happens. */
export async function withinLong<T>(work: Promise<T>, ms = longEnoughMs): Promise<T | 'nothing'> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'nothing'>((resolve) => {
    timer = setTimeout(() => resolve('nothing'), ms)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

export interface RawAnswer {
  text: string
  status: number
  hasClosed: boolean
}

/** Writes these bytes to the gateway, and gives what comes back until it closes or falls silent. */
export function rawBytes(
  port: number,
  bytes: string | Buffer | readonly (string | Buffer)[],
  { silentMs = 1000 }: { silentMs?: number } = {},
): Promise<RawAnswer> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const chunks: Buffer[] = []
    const settle = (hasClosed: boolean): void => {
      clearTimeout(timer)
      socket.destroy()
      const text = Buffer.concat(chunks).toString('latin1')
      resolve({ text, hasClosed, status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0) })
    }
    let timer = setTimeout(() => settle(false), longEnoughMs)
    socket.on('data', (chunk) => {
      chunks.push(chunk)
      clearTimeout(timer)
      if (isWhole(Buffer.concat(chunks))) {
        settle(false)
        return
      }
      timer = setTimeout(() => settle(false), silentMs)
    })
    socket.on('error', () => undefined)
    socket.on('close', () => settle(true))
    for (const part of [bytes].flat()) socket.write(part)
  })
}

/** Whether an answer is here as far as its length says. */
function isWhole(bytes: Buffer): boolean {
  const end = bytes.indexOf('\r\n\r\n')
  const [, length] = /^content-length: *(\d+)/im.exec(bytes.toString('latin1', 0, end)) ?? []
  return end >= 0 && length !== undefined && bytes.length >= end + 4 + Number(length)
}

/** Whether the answer names a session, as it does when one was opened. */
export const namesSession = ({ text }: RawAnswer): boolean => /^mcp-session-id:/im.test(text)

/** A POST by hand, with these lines in its head beside the usual ones. */
export function postBytes(target: string, lines: readonly string[], body: string): Buffer {
  const head = [`POST ${target} HTTP/1.1`, ...lines, 'Content-Type: application/json']
  const accept = 'Accept: application/json, text/event-stream'
  return Buffer.from([...head, accept, '', body].join('\r\n'))
}
