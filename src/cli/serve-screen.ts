import type { Writable } from 'node:stream'

import type { Config } from '../config/config.ts'
import { describeServer } from '../config/describe.ts'
import type { Events } from '../events.ts'
import type { Gateway } from '../gateway.ts'
import { plainLine } from '../terminal.ts'
import { styleFor } from './output.ts'

/** What `serve` says at its start: where it listens, and how each server is started and isolated. */
export function banner(config: Config, gateway: Gateway, out: Writable): string[] {
  const { bold, dim, yellow } = styleFor(out)
  const { servers } = config
  const base = config.listen.publicUrl ?? gateway.url
  const lines = [
    `${bold('Berth')} listens on ${bold(base)}${config.file === undefined ? '' : ` with ${config.file}`}`,
  ]
  for (const server of servers) {
    const isOnly = server.isDefault ? ` and ${base}/mcp` : ''
    lines.push('', `${bold(`${base}/servers/${server.name}/mcp`)}${isOnly}`)
    lines.push(`  ${describeServer(server)}`)
    const probe = gateway.probes.get(server.name)
    if (probe?.available === true) {
      lines.push(dim(`  isolation: ${probe.how}`))
      for (const missing of probe.missing) lines.push(yellow(`  ${missing}`))
    } else if (probe !== undefined) {
      lines.push(yellow(`  cannot run here: ${probe.why}`))
    }
  }
  if (config.warnings.length > 0) lines.push('')
  for (const warning of config.warnings) lines.push(yellow(`note: ${warning}`))
  const first = servers.find(({ isDefault }) => isDefault) ?? servers[0]
  lines.push('', `Try it:  npx mcp-berth tools ${base}/servers/${first?.name ?? 'NAME'}/mcp`)
  lines.push(`Watch:   npx mcp-berth sessions  (admin API on ${gateway.adminUrl})`, '')
  return lines
}

/** What workers write, as `name/1a2b │ line`. */
export function showOutput(events: Events, out: Writable): void {
  const { dim, cyan } = styleFor(out)
  events.on('worker.output', ({ server, session, line }) => {
    out.write(`${cyan(`${server}/${session.slice(0, 4)}`)} ${dim('│')} ${plainLine(line)}\n`)
  })
}
