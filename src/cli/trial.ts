import type { Writable } from 'node:stream'

import type { Config } from '../config/config.ts'
import { describeServer } from '../config/describe.ts'
import { toolsOf } from '../demo/client/call.ts'
import type { Handlers } from '../demo/client/connect.ts'
import { connect } from '../demo/client/connect.ts'
import { messageOf } from '../errors.ts'
import type { BerthEvents } from '../events.ts'
import type { Gateway } from '../gateway.ts'
import { plainLine } from '../terminal.ts'
import { styleFor, writeLines } from './output.ts'
import { startTrialGateway } from './private-gateway.ts'

type Closed = BerthEvents['session.closed']

/**
 * Starts each server once, one after the other, and asks it for its tools.
 *
 * @returns whether all of them answered
 */
export async function tryServers(
  config: Config,
  { stdout, signal }: { stdout: Writable; signal: AbortSignal },
): Promise<boolean> {
  const { green, red, dim } = styleFor(stdout)
  const closed: Closed[] = []
  const gateway = await startTrialGateway(config, {
    onEvents: (events) => void events.on('session.closed', (news) => closed.push(news)),
  })
  let allWell = true
  try {
    for (const server of config.servers) {
      if (signal.aborted) return false
      const startedAtMs = Date.now()
      try {
        const tools = await toolNamesOf(
          `${gateway.url}/servers/${server.name}/mcp`,
          server.startTimeoutMs,
        )
        const ms = Date.now() - startedAtMs
        writeLines(stdout, [
          `${green('✓')} ${server.name}: ${ms} ms, ${tools.length} tools${tools.length > 0 ? `: ${tools.join(', ')}` : ''}`,
          dim(`  ${isolationOf(gateway, server.name)}`),
        ])
      } catch (thrown) {
        allWell = false
        writeLines(stdout, [`${red('✗')} ${describeServer(server)}`])
        writeLines(stdout, await whyItFailed(closed, server.name, thrown))
      }
    }
  } finally {
    await gateway.close({ drainMs: 0 })
  }
  return allWell
}

/** Nobody is there to be asked while a server is only tried. */
const silent: Handlers = {
  elicit: () => Promise.resolve({ action: 'decline' }),
  sample: () => Promise.reject(new Error('There is no model here.')),
  notified: () => undefined,
}

function isolationOf(gateway: Gateway, name: string): string {
  const probe = gateway.probes.get(name)
  return probe?.available === true ? `isolation: ${probe.how}` : ''
}

async function toolNamesOf(url: string, timeoutMs: number): Promise<string[]> {
  const connection = await connect(new URL(url), silent, { silenceMs: timeoutMs })
  try {
    return (await toolsOf(connection)).map(({ name }) => name)
  } finally {
    await connection.end()
  }
}

/** What the gateway knows of it comes a moment after the answer. */
async function whyItFailed(closed: Closed[], name: string, thrown: unknown): Promise<string[]> {
  for (let tries = 0; tries < 100 && !closed.some(({ server }) => server === name); tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const details = closed.findLast(({ server }) => server === name)?.details ?? {}
  const { lastLines, ...facts } = details
  const shown = Object.entries(facts)
    .filter(([key, value]) => key !== 'command' && value !== null && value !== undefined)
    .map(([key, value]) => `${key}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
  const lines = Array.isArray(lastLines) ? lastLines.map((line) => plainLine(String(line))) : []
  return [
    `  ${shown.length > 0 ? shown.join(', ') : messageOf(thrown)}`,
    ...(lines.length > 0 ? ['  it wrote:', ...lines.map((line) => `    ${line}`)] : []),
  ]
}
