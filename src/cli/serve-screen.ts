import { homedir } from 'node:os'
import type { Writable } from 'node:stream'

import type { Config } from '../config/config.ts'
import { describeServer } from '../config/describe.ts'
import { defaultStateDir } from '../config/folders.ts'
import type { Events } from '../events.ts'
import type { Gateway } from '../gateway.ts'
import { plainLine } from '../terminal.ts'
import type { Context } from './command.ts'
import { styleFor } from './output.ts'

/** What `serve` says at its start: where it listens, and how each server is started and isolated. */
export function banner(
  config: Config,
  gateway: Gateway,
  { stderr, env }: Pick<Context, 'stderr' | 'env'>,
): string[] {
  const { bold, yellow } = styleFor(stderr)
  const { servers, listen } = config
  const base = listen.publicUrl ?? gateway.url
  const known = listen.publicUrl === undefined ? '' : `, known as ${bold(base)}`
  const source = config.file === undefined ? '' : `, with ${config.file}`
  const lines = [`${bold('Berth')} listens on ${bold(gateway.url)}${known}${source}`, '']
  for (const server of servers) {
    const isOnly = server.isDefault ? ` and ${base}/mcp` : ''
    lines.push(`${bold(`${base}/servers/${server.name}/mcp`)}${isOnly}`)
    lines.push(`  ${describeServer(server)}`)
  }
  lines.push('', ...isolationLines(config, gateway, stderr))
  lines.push(...config.warnings.map((warning) => yellow(`note: ${warning}`)))

  const first = servers.find(({ isDefault }) => isDefault) ?? servers[0]
  const usual = defaultStateDir(env.XDG_STATE_HOME, homedir())
  const where = config.stateDir === usual ? '' : ` --state-dir ${quoted(config.stateDir)}`
  lines.push('', `Try it:  npx mcp-berth tools ${gateway.url}/servers/${first?.name ?? 'NAME'}/mcp`)
  lines.push(`Watch:   npx mcp-berth sessions${where}  (admin API on ${gateway.adminUrl})`, '')
  return lines
}

/** A line for each driver, because servers of one driver are isolated alike. */
function isolationLines({ servers }: Config, { probes }: Gateway, out: Writable): string[] {
  const { dim, yellow } = styleFor(out)
  const drivers = new Map(servers.map(({ name, driver }) => [driver, probes.get(name)]))
  return [...drivers].flatMap(([driver, probe]) => {
    if (probe === undefined) return []
    if (!probe.available) return [yellow(`isolation ${driver}: cannot be had here: ${probe.why}`)]
    return [dim(`isolation ${driver}: ${probe.how}`), ...probe.missing.map(yellow)]
  })
}

/** What workers write, as `name/1a2b │ line`. */
export function showOutput(events: Events, out: Writable): void {
  const { dim, cyan } = styleFor(out)
  events.on('worker.output', ({ server, session, line }) => {
    out.write(`${cyan(`${server}/${session.slice(0, 4)}`)} ${dim('│')} ${plainLine(line)}\n`)
  })
}

/** As a shell wants it. */
function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`
}
