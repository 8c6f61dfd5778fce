import { homedir } from 'node:os'
import type { Writable } from 'node:stream'

import { readLocalIssuer } from '../auth/local-issuer.ts'
import type { Config } from '../config/config.ts'
import { describeServer } from '../config/describe.ts'
import { defaultStateDir } from '../config/folders.ts'
import { loopNotes } from '../config/own-address.ts'
import type { Clock } from '../ground/clock.ts'
import { systemClock } from '../ground/clock.ts'
import type { Events, SessionNews } from '../ground/events.ts'
import { createFloodLimit, shortened } from '../ground/flood.ts'
import type { Gateway } from '../gateway.ts'
import { endpointPath, shortPath } from '../ground/paths.ts'
import { quoted } from '../ground/shell.ts'
import { outputLine } from '../ground/terminal.ts'
import type { Context } from './command.ts'
import { limitLines } from './limit-lines.ts'
import { styleFor } from './output.ts'

/** What `serve` says at its start: where it listens, and how each server is started and isolated. */
export function banner(
  config: Config,
  gateway: Gateway,
  { stderr, env, asCalled }: Pick<Context, 'stderr' | 'env' | 'asCalled'>,
): string[] {
  const { bold, dim, yellow } = styleFor(stderr)
  const { servers, listen } = config
  const base = listen.publicUrl ?? gateway.url
  const known = listen.publicUrl === undefined ? '' : `, known as ${bold(base)}`
  const source = config.file === undefined ? '' : `, with ${config.file}`
  const lines = [`${bold('Berth')} listens on ${bold(gateway.url)}${known}${source}`, '']
  for (const server of servers) {
    const isOnly = server.isDefault ? ` and ${base}${shortPath(server)}` : ''
    lines.push(`${bold(`${base}${endpointPath(server)}`)}${isOnly}`)
    lines.push(`  ${describeServer(server)}`)
    lines.push(...limitLines(gateway.enforcements.get(server.name) ?? [], { dim, yellow }))
  }
  lines.push('', ...isolationLines(servers, gateway, stderr))
  if (config.store.kind === 'redis') {
    lines.push(dim('store redis: sessions outlive this gateway; the next one goes on with them'))
  }
  lines.push(...authorizerLines(config.authorization.servers).map(dim))
  lines.push(...runtimeLines(servers).map(dim))
  const loops = loopNotes(servers, listen, gateway.url)
  const notes = new Set([...config.warnings, ...loops, ...unusedIssuerNotes(config)])
  lines.push(...[...notes].map((warning) => yellow(`note: ${warning}`)))

  const first = servers.find(({ isDefault }) => isDefault) ?? servers[0]
  const usual = defaultStateDir(env.XDG_STATE_HOME, homedir())
  const where = config.stateDir === usual ? '' : ` --state-dir ${quoted(config.stateDir)}`
  if (first !== undefined) {
    const setting = config.authorization.servers[first.name] ?? 'none'
    lines.push('', `Try it:  ${trialOf(first, gateway.url)}${tokenOption(setting, where)}`)
  }
  lines.push(`Watch:   mcp-berth sessions${where}  (admin API on ${gateway.adminUrl})`, '')
  return lines.map(asCalled)
}

function trialOf(server: Config['servers'][number], base: string): string {
  const url = `${base}${endpointPath(server)}`
  return server.protocol === 'http'
    ? `curl -i ${url} -H 'Content-Type: application/json' -d '{"prompt": "hello"}'`
    : `mcp-berth tools ${url}`
}

/** For who has made tokens, and not written down that servers are to ask for them. */
function unusedIssuerNotes({ authorization, stateDir }: Config): string[] {
  if (Object.values(authorization.servers).some((setting) => setting !== 'none')) return []
  try {
    if (readLocalIssuer(stateDir) === undefined) return []
  } catch {
    return [] // of no use, and nobody has asked for it
  }
  return [
    'mcp-berth identity init has made a local issuer, but no server asks for its tokens: everybody is still anonymous. Write authorizerConfiguration: local, or what it printed, into the configuration (mcp-berth identity cleanup removes the issuer).',
  ]
}

type AuthorizerSetting = Config['authorization']['servers'][string]

/** Also as `identity init` prints it, by the address of the keys on the admin listener. */
function isLocalIssuer(setting: AuthorizerSetting): boolean {
  if (typeof setting === 'string') return setting === 'local'
  const { discoveryUrl = '' } = setting.customJWTAuthorizer ?? {}
  return /^http:\/\/127\.0\.0\.1:\d+\/identity\//.test(discoveryUrl)
}

/** What `tools` and `curl -i` both want to be told of a server that asks for a token. */
function tokenOption(setting: AuthorizerSetting, stateDirOption: string): string {
  if (setting === 'none') return ''
  return isLocalIssuer(setting)
    ? ` --header "Authorization: Bearer $(mcp-berth identity token${stateDirOption})"`
    : " --header 'Authorization: Bearer TOKEN'"
}

/** What `serve` says when it is told to stop. */
export function stoppingLine({ store }: Pick<Config, 'store'>): string {
  return store.kind === 'redis'
    ? 'Finishing requests; the sessions go on without this gateway … (Ctrl-C again does not wait)'
    : 'Ending every worker … (Ctrl-C again does not wait)'
}

/**
 * A line for all servers that are isolated alike, and what is weaker here once. They are named
 * where others of their driver are isolated in another way.
 */
export function isolationLines(
  servers: readonly { name: string; driver: string }[],
  { probes }: Pick<Gateway, 'probes'>,
  out: Writable,
): string[] {
  const { dim, yellow } = styleFor(out)
  const ways = new Map<string, { driver: string; how: string; names: string[] }>()
  const missing = new Set<string>()
  for (const { name, driver } of servers) {
    const probe = probes.get(name)
    if (probe === undefined) continue
    const how = probe.available ? dim(probe.how) : yellow(`cannot be had here: ${probe.why}`)
    const way = ways.get(`${driver} ${how}`) ?? { driver, how, names: [] }
    ways.set(`${driver} ${how}`, { ...way, names: [...way.names, name] })
    if (probe.available) for (const text of probe.missing) missing.add(text)
  }
  const all = [...ways.values()]
  const lines = all.map(({ driver, how, names }) => {
    const isOnly = all.filter((way) => way.driver === driver).length === 1
    return `${dim(`isolation ${driver}${isOnly ? '' : ` of ${names.join(', ')}`}:`)} ${how}`
  })
  return [...lines, ...[...missing].map(yellow)]
}

/** The ARNs that AgentCore's clients know the servers by, a line for each account. */
function runtimeLines(servers: Config['servers']): string[] {
  const ids = new Map<string, string[]>()
  for (const { runtimeArn } of servers) {
    const [account = '', id = ''] = runtimeArn.split('/')
    ids.set(account, [...(ids.get(account) ?? []), id])
  }
  return [...ids].map(([account, [only = '', ...more]]) => {
    const all = more.length === 0 ? only : `{${[only, ...more].join(',')}}`
    return `AgentCore: ${account}/${all}`
  })
}

/** Who is let in; nothing where everybody is. Servers are named where they differ in it. */
export function authorizerLines(servers: Config['authorization']['servers']): string[] {
  const named = new Map<string, string[]>()
  for (const [name, setting] of Object.entries(servers)) {
    const who =
      setting === 'none'
        ? 'everybody'
        : setting === 'local'
          ? 'whoever has a token of the local issuer'
          : whoOf(setting)
    named.set(who, [...(named.get(who) ?? []), name])
  }
  if ([...named.keys()].join() === 'everybody') return []
  return [...named].map(([who, names]) =>
    named.size === 1 ? `lets in: ${who}` : `lets in to ${names.join(', ')}: ${who}`,
  )
}

/** `whoever has a token of https://idp… or an API key of berth-keys.json` */
function whoOf({ customJWTAuthorizer: jwt, apiKeys }: Exclude<AuthorizerSetting, string>): string {
  const token = jwt === undefined ? [] : [`a token of ${jwt.discoveryUrl}`]
  const key = apiKeys === undefined ? [] : [`an API key of ${apiKeys}`]
  return `whoever has ${[...token, ...key].join(' or ')}`
}

/** What workers write, as `name/1a2b │ line`: what is long shortened, and not too much of any. */
export function showOutput(events: Events, out: Writable, clock: Clock = systemClock): void {
  const { dim, cyan } = styleFor(out)
  const write = ({ server, session }: SessionNews, line: string): void => {
    out.write(`${cyan(`${server}/${session.slice(0, 4)}`)} ${dim('│')} ${line}\n`)
  }
  const flood = createFloodLimit<SessionNews>(clock, (news, leftOut) =>
    write(news, `… ${leftOut} lines left out; mcp-berth logs ${news.session} has them`),
  )
  const show = ({ server, session }: SessionNews, line: string): void => {
    const text = shortened(line)
    if (flood.admits(session, { server, session }, text.length)) {
      write({ server, session }, outputLine(text))
    }
  }
  /** Their output is followed. */
  const followed = new Set<string>()
  for (const name of ['worker.started', 'worker.attached'] as const) {
    events.on(name, ({ session }) => followed.add(session))
  }
  events.on('worker.output', (news) => show(news, news.line))
  events.on('session.closed', (news) => {
    const { lastLines } = news.details ?? {}
    if (followed.delete(news.session) || !Array.isArray(lastLines)) return
    for (const line of lastLines) show(news, String(line))
  })
}
