import type { Config } from '../config/config.ts'
import { describeServer } from '../config/describe.ts'
import { credentialsOf, isOfCaller, placeholderOf } from '../ground/credentials.ts'
import type { Handlers } from '../client/connect.ts'
import { connect } from '../client/connect.ts'
import { toFailure } from '../client/failures.ts'
import { toolsOf } from '../client/offers.ts'
import type { BerthEvents } from '../ground/events.ts'
import { endpointPath } from '../ground/paths.ts'
import { isTerminal, outputLine, plainLine } from '../ground/terminal.ts'
import { limitLines } from './limit-lines.ts'
import { styleFor, writeLines } from './output.ts'
import type { Context } from './command.ts'
import type { Typed } from './own-port.ts'
import { ownPortAdvice } from './own-port.ts'
import { startTrialGateway } from './private-gateway.ts'

type Closed = BerthEvents['session.closed']

// The gateway gives up first, because it knows what it waited for.
const gatewayFirstMs = 5000

/**
 * Starts each server once, one after the other, and asks it for its tools, or whether it is healthy.
 *
 * @returns whether all of them answered that can be tried without a user
 */
export async function tryServers(
  config: Config,
  {
    stdout,
    asCalled,
    signal,
    typed,
  }: Pick<Context, 'stdout' | 'asCalled' | 'signal'> & { typed: Typed },
): Promise<boolean> {
  const { green, red, dim, yellow } = styleFor(stdout)
  const closed = new Map<string, Closed>()
  const failures: string[] = []
  const warnings = new Map<string, string[]>()
  const gateway = await startTrialGateway(config, {
    spareKeepers: 0,
    onEvents(events) {
      events.on('request.failed', ({ cause }) => failures.push(cause))
      events.on('operator.warned', ({ server = '', message }) => {
        warnings.set(server, [...(warnings.get(server) ?? []), message])
      })
      events.on('session.closed', (news) => closed.set(news.server, news))
    },
  })
  let allWell = true
  try {
    for (const server of config.servers) {
      failures.length = 0
      const ofCaller = credentialsOf(server.credentials).filter(isOfCaller).map(placeholderOf)
      if (ofCaller.length > 0) {
        const why = `nobody is there to take ${ofCaller.join(', ')} from`
        writeLines(stdout, [`${yellow('–')} ${server.name}: not tried, because ${why}`])
        continue
      }
      const startedAtMs = Date.now()
      const url = new URL(endpointPath(server), gateway.url)
      const silenceMs = server.startTimeoutMs + gatewayFirstMs
      // The first start of a package may take a minute, and somebody may be looking on.
      if (isTerminal(stdout)) stdout.write(`${dim(`… ${server.name}`)}\r`)
      try {
        const found =
          server.protocol === 'http'
            ? await gateway.tryOut(server, signal).then(() => 'healthy (GET /ping)')
            : toolsText(await toolNamesOf(url, { silenceMs, signal }))
        const time = `${Date.now() - startedAtMs} ms`
        const probe = gateway.probes.get(server.name)
        writeLines(stdout, [
          `${green('✓')} ${server.name}: ${time}, ${found}`,
          ...(probe?.available === true ? [dim(`  isolation: ${probe.how}`)] : []),
          ...limitLines(gateway.enforcements.get(server.name) ?? [], { dim, yellow }).map(asCalled),
          ...(warnings.get(server.name) ?? []).map((text) =>
            yellow(asCalled(`  note: ${plainLine(text)}`)),
          ),
        ])
      } catch (thrown) {
        if (signal.aborted) return false
        allWell = false
        writeLines(stdout, [`${red('✗')} ${describeServer(server)}`])
        const end = await eventually(() => closed.get(server.name), server.graceMs + 5000)
        const reason = plainLine(failures.at(-1) ?? toFailure(thrown, url).message)
        const advice = end === undefined ? [] : await ownPortAdvice(config, end, typed)
        const more = advice.map((line) => `  ${line}`)
        writeLines(stdout, [...[`  ${reason}`, ...more].map(asCalled), ...outputLines(end)])
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

function toolsText(names: string[]): string {
  const count = `${names.length} ${names.length === 1 ? 'tool' : 'tools'}`
  return names.length === 0 ? count : `${count}: ${plainLine(names.join(', '))}`
}

async function toolNamesOf(
  url: URL,
  options: { silenceMs: number; signal: AbortSignal },
): Promise<string[]> {
  const connection = await connect(url, silent, options)
  try {
    return (await toolsOf(connection)).map(({ name }) => name)
  } finally {
    await connection.end()
  }
}

/** What the gateway knows of it comes when its worker is gone, a while after the answer. */
async function eventually<T>(news: () => T | undefined, limitMs: number): Promise<T | undefined> {
  const untilMs = Date.now() + limitMs
  while (news() === undefined && Date.now() < untilMs) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return news()
}

function outputLines(closed: Closed | undefined): string[] {
  const { lastLines } = closed?.details ?? {}
  if (!Array.isArray(lastLines) || lastLines.length === 0) return []
  return ['  It wrote:', ...lastLines.map((line) => `    ${outputLine(String(line))}`)]
}
