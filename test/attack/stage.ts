import { atEnd } from '../support/at-end.ts'
import { compiled } from '../support/config.ts'
import type { RawSession } from '../support/raw-session.ts'
import { openRaw } from '../support/raw-session.ts'
import type { Owner } from '../support/temp.ts'
import type { AttackedGateway, GatewayOptions } from './gateway.ts'
import { startAttacked } from './gateway.ts'
import { withinLong } from './wire.ts'

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

/** Starts a gateway, and a bystander in it. */
export async function openStage(
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
