import type { AuthorizerSetting } from '../auth/options.ts'
import type { Bundle, BundleMember } from '../bundle/options.ts'
import { bundleOptions } from '../bundle/options.ts'
import type { Server } from '../sessions/server.ts'
import { readAccess } from './access.ts'
import { checkAuthorizer } from './authorizer.ts'
import { isMap, readSlice } from './check.ts'
import { lifecycleOf, lifecycleProblem } from './lifecycle.ts'
import { didYouMean, listed, type Path, type Problems } from './problems.ts'
import { runtimeArnOf } from './runtime-arn.ts'

export interface ReadBundles {
  bundles: Bundle[]
  /** All that clients see: the servers, and behind them the bundles, which are servers, too. */
  servers: Server[]
  authorizers: Map<string, AuthorizerSetting>
}

export interface BundlesContext {
  /** Those of the configuration, by the names that they have in URLs. */
  servers: readonly Server[]
  /** Whether one of all servers is asked for (`serve --bundle`). */
  isWanted: boolean
  /** `defaults.lifecycleConfiguration` */
  usualLifecycle: unknown
  account: { accountId: string; region: string }
  problems: Problems
}

/** The bundle of `serve --bundle`. */
const ofAll = 'all'

/** Reads `bundles`. What is wrong goes into `problems`. */
export function readBundles(written: unknown, context: BundlesContext): ReadBundles {
  const { servers, isWanted, problems } = context
  const found: ReadBundles = { bundles: [], servers: [], authorizers: new Map() }
  if (written !== undefined && written !== null && !isMap(written)) {
    problems.add('bundles', 'is no map. Example: bundles: { team: { servers: [github, time] } }')
    return { ...found, servers: [...servers] }
  }
  const entries: Record<string, unknown> = { ...written }
  // Who asks for one at a prompt wants that and no other address.
  if (isWanted) entries[ofAll] ??= { servers: '*' }
  for (const [name, raw] of Object.entries(entries)) {
    const where = ['bundles', name]
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) {
      problems.add(
        where,
        'is no name for a URL; take up to 64 letters, digits, dots, dashes and underscores.',
      )
    } else if (servers.some((server) => server.name === name)) {
      problems.add(where, 'has the name of a server; give it one of its own.')
    } else if (isMap(raw)) {
      readBundle(name, raw, where, context, found)
    } else {
      problems.add(where, 'is no map. Example: { servers: [github, time] }')
    }
  }
  return { ...found, servers: withDefault(servers, found.servers, context) }
}

/** One of all is at /mcp: the marked one, else the only bundle, else the only server. */
function withDefault(
  servers: readonly Server[],
  bundles: readonly Server[],
  { isWanted, problems }: BundlesContext,
): Server[] {
  const names = (some: readonly Server[]): string[] =>
    some.filter(({ isDefault }) => isDefault).map(({ name }) => name)
  // The only server is there without having asked for it.
  const marked = [...(servers.length > 1 ? names(servers) : []), ...names(bundles)]
  if (marked.length > 1) {
    problems.add(
      'bundles',
      `${listed(marked)} are all marked default: true; only one can be at /mcp.`,
    )
  }
  const [only, ...more] = bundles
  const usual = isWanted ? ofAll : more.length === 0 ? only?.name : undefined
  const chosen = marked[0] ?? usual ?? names(servers)[0]
  return [...servers, ...bundles].map((server) => {
    const isDefault = server.name === chosen
    return server.isDefault === isDefault ? server : { ...server, isDefault }
  })
}

function readBundle(
  name: string,
  raw: Record<string, unknown>,
  where: Path,
  { servers, usualLifecycle, account, problems }: BundlesContext,
  found: ReadBundles,
): void {
  if (raw.servers === undefined) {
    problems.add(where, 'names no servers. Example: servers: [github, time], or servers: "*"')
    return
  }
  checkAuthorizer(raw.authorizerConfiguration, [...where, 'authorizerConfiguration'], problems)
  const options = readSlice(bundleOptions, raw, where, problems)
  if (options === undefined) return
  const { separator, prefixes, rename, onMemberEnd } = options
  if (!/^[\w-]{1,4}$/.test(separator)) {
    problems.add([...where, 'separator'], 'takes 1 to 4 letters, digits, dashes or underscores.')
  }
  const members = membersOf(options.servers, servers, [...where, 'servers'], problems)
  const names = members.map((server) => server.name)
  for (const [server, prefix] of Object.entries(prefixes)) {
    const at = [...where, 'prefixes', server]
    if (!names.includes(server)) {
      problems.add(at, `is no server of this bundle.${didYouMean(server, names)}`)
    } else if (!/^[\w-]{0,40}$/.test(prefix)) {
      problems.add(at, 'takes up to 40 letters, digits, dashes and underscores.')
    }
  }
  const prefixOf = (server: string): string =>
    prefixes[server] ?? server.replaceAll(/[^\w-]/g, '-').slice(0, 40)
  checkPrefixes(names, prefixOf, where, problems)
  const renamed = renamesOf(rename, names, [...where, 'rename'], problems)
  const lifecycle = lifecycleOf(options.lifecycleConfiguration, usualLifecycle)
  const wrong = lifecycleProblem(lifecycle)
  if (wrong !== undefined) problems.add([...where, 'lifecycleConfiguration'], wrong)
  const { authorizerConfiguration: authorizer } = options
  if (authorizer !== undefined) found.authorizers.set(name, authorizer)
  const bundleMembers: BundleMember[] = names.map((server) => ({
    server,
    prefix: prefixOf(server),
    rename: renamed.get(server) ?? {},
  }))
  found.bundles.push({ name, members: bundleMembers, separator, onMemberEnd })
  found.servers.push({
    name,
    runtimeArn: runtimeArnOf(name, account),
    isBundle: true,
    isDefault: options.default,
    protocol: 'mcp',
    mode: 'stateful',
    driver: 'inside',
    launch: { kind: 'inside', shown: `a bundle of ${listed(names)}`, members: names },
    cwd: 'session',
    env: {},
    credentials: headersOf(members),
    lifecycle,
    // Its first session may have to wait until all of them have said what they have.
    startTimeoutMs: Math.max(120_000, ...members.map(({ startTimeoutMs }) => startTimeoutMs)),
    graceMs: 0,
    onExpired: options.onExpired,
    requireLimits: false,
    warm: undefined,
    requestHeaders: undefined,
    access: readAccess(options, where, problems),
  })
}

function membersOf(
  wanted: '*' | readonly string[],
  servers: readonly Server[],
  where: Path,
  problems: Problems,
): Server[] {
  const speaking = servers.filter(({ protocol }) => protocol === 'mcp')
  if (wanted === '*') return speaking
  if (wanted.length === 0) problems.add(where, 'is empty; name a server, or write "*" for all.')
  const names = servers.map(({ name }) => name)
  return wanted.flatMap((name, index) => {
    const server = servers.find((one) => one.name === name)
    const at = [...where, index]
    if (server === undefined) {
      problems.add(at, `there is no server ${name}.${didYouMean(name, names)}`)
      return []
    }
    if (wanted.indexOf(name) < index) problems.add(at, `${name} is named twice.`)
    if (server.protocol !== 'mcp') problems.add(at, `${name} speaks no MCP (protocol: http).`)
    return server.protocol === 'mcp' && wanted.indexOf(name) === index ? [server] : []
  })
}

/** Two servers with one prefix would be told apart by the order in which they stand. */
function checkPrefixes(
  names: readonly string[],
  prefixOf: (server: string) => string,
  where: Path,
  problems: Problems,
): void {
  const first = new Map<string, string>()
  for (const name of names) {
    const prefix = prefixOf(name)
    const other = first.get(prefix)
    if (other !== undefined && prefix !== '') {
      problems.add(
        [...where, 'prefixes'],
        `${other} and ${name} both have the prefix ${prefix}; give one of them another: prefixes: { ${name}: … }`,
      )
    }
    first.set(prefix, name)
  }
}

function renamesOf(
  rename: Readonly<Record<string, string>>,
  names: readonly string[],
  where: Path,
  problems: Problems,
): ReadonlyMap<string, Record<string, string>> {
  const found = new Map<string, Record<string, string>>()
  const taken = new Map<string, string>()
  for (const [key, shown] of Object.entries(rename)) {
    const at = [...where, key]
    const slash = key.indexOf('/')
    const server = key.slice(0, slash)
    if (slash < 1 || slash === key.length - 1) {
      problems.add(at, 'is written SERVER/NAME. Example: { "github/create_issue": new_issue }')
    } else if (!names.includes(server)) {
      problems.add(at, `${server} is no server of this bundle.${didYouMean(server, names)}`)
    } else if (!/^[\w-]{1,64}$/.test(shown)) {
      problems.add(at, 'takes 1 to 64 letters, digits, dashes and underscores.')
    } else if (taken.has(shown)) {
      problems.add(at, `${shown} is what ${taken.get(shown)} is called, too.`)
    } else {
      taken.set(shown, key)
      found.set(server, { ...found.get(server), [key.slice(slash + 1)]: shown })
    }
  }
  return found
}

/** Headers that clients bring for one of its servers are taken out of their requests here as well. */
function headersOf(members: readonly Server[]): Server['credentials'] {
  const clientHeaders = [
    ...new Set(members.flatMap(({ credentials }) => credentials?.clientHeaders ?? [])),
  ]
  return clientHeaders.length === 0 ? undefined : { env: {}, headers: {}, clientHeaders }
}
