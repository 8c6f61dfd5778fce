import type { AuthorizerSetting } from '../auth/options.ts'
import { endpointPath } from '../ground/paths.ts'
import type { Server } from '../sessions/server.ts'
import { checkAuthorizer } from './authorizer.ts'
import { checkShape, found, isMap, type Tree } from './check.ts'
import type { EntryContext } from './entry-context.ts'
import { readEntry, type Draft } from './entry.ts'
import { lifecycleOf, lifecycleProblem } from './lifecycle.ts'
import { listed, type Problems } from './problems.ts'
import { runtimeArnOf } from './runtime-arn.ts'
import { defaultsOptions } from './schema.ts'

/** The servers, and the authorizers of those that have one of their own, by name. */
export interface ReadServers {
  servers: Server[]
  authorizers: Map<string, AuthorizerSetting>
}

const none: ReadServers = { servers: [], authorizers: new Map() }

/** Reads `mcpServers`, or `servers` as VS Code has it. What is wrong goes into `problems`. */
export function readServers(
  tree: Tree,
  context: Omit<EntryContext, 'defaults'> & { account: { accountId: string; region: string } },
): ReadServers {
  const { problems, warnings, account } = context
  const defaults = readDefaults(tree.defaults ?? {}, problems)
  if (tree.servers !== undefined && tree.mcpServers !== undefined) {
    problems.add('servers', 'stands beside mcpServers; move its entries there.')
    return none
  }
  const key = tree.servers === undefined ? 'mcpServers' : 'servers'
  const entries = tree[key] ?? {}
  if (!isMap(entries)) {
    problems.add(key, `found ${found(entries)}, expected a map from names to servers.`)
    return none
  }
  if (Object.keys(entries).length === 0) {
    problems.add(
      key,
      `names no server. Example: ${key}: { fetch: { command: uvx, args: [mcp-server-fetch] } }`,
    )
    return none
  }
  const drafts = new Map<string, Draft>()
  const before = problems.found.length
  for (const [written, raw] of Object.entries(entries)) {
    const draft = readEntry(written, raw, [key, written], { ...context, defaults })
    if (draft === undefined) continue
    const name = pathSafe(written)
    const wrong = nameProblem({ ...draft, name }, drafts)
    if (wrong !== undefined) problems.add([key, written], wrong)
    else if (name !== written) {
      warnings.push(
        `The server ${JSON.stringify(written)} is served at ${endpointPath({ ...draft, name })}, because its name does not fit into a URL.`,
      )
    }
    drafts.set(name, draft)
  }
  if (drafts.size === 0 && problems.found.length === before) {
    problems.add(key, 'has no server that is enabled.')
  }
  const marked = [...drafts].filter(([, draft]) => draft.isMarked).map(([name]) => name)
  if (marked.length > 1) {
    problems.add(key, `${listed(marked)} are all marked default: true; only one can be at /mcp.`)
  }
  const authorizers = new Map<string, AuthorizerSetting>()
  const servers = [...drafts].map(([name, { isMarked, authorizer, agentRuntimeArn, ...draft }]) => {
    if (authorizer !== undefined) authorizers.set(name, authorizer)
    const runtimeArn = agentRuntimeArn ?? runtimeArnOf(name, account)
    return { name, runtimeArn, isDefault: isMarked || drafts.size === 1, ...draft }
  })
  checkArns(servers, key, problems)
  warnOfSharing(servers, warnings)
  return { servers, authorizers }
}

function readDefaults(raw: unknown, problems: Problems): Tree {
  const before = problems.found.length
  checkShape(defaultsOptions, raw, ['defaults'], problems)
  if (!isMap(raw) || problems.found.length > before) return {}
  const wrong = lifecycleProblem(lifecycleOf(raw.lifecycleConfiguration, undefined))
  if (wrong !== undefined) problems.add('defaults.lifecycleConfiguration', wrong)
  checkAuthorizer(raw.authorizerConfiguration, ['defaults', 'authorizerConfiguration'], problems)
  return raw
}

function checkArns(servers: readonly Server[], key: string, problems: Problems): void {
  for (const [index, { name, runtimeArn }] of servers.entries()) {
    const first = servers.findIndex((server) => server.runtimeArn === runtimeArn)
    if (first === index) continue
    problems.add(
      [key, name, 'agentRuntimeArn'],
      `is that of ${servers[first]?.name ?? ''} too; every server needs its own.`,
    )
  }
}

/** A name as it can stand in a path: at most 64 letters, digits, dots, dashes and underscores. */
function pathSafe(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) return name
  const plain = name.normalize('NFKD').replaceAll(/\p{M}/gu, '')
  const slug = plain.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '')
  return slug.slice(0, 64).replace(/-+$/, '')
}

function nameProblem(
  server: Pick<Server, 'name' | 'protocol'>,
  taken: ReadonlyMap<string, unknown>,
): string | undefined {
  const { name } = server
  if (name === '') {
    return 'has a name without a letter or digit for its URL; name it otherwise, for example server-1.'
  }
  if (!taken.has(name)) return undefined
  return `would be served at ${endpointPath(server)}, as another one is; name one of them otherwise.`
}

/** What sessions of one server have in common, where somebody might think that they have nothing. */
function warnOfSharing(servers: readonly Server[], warnings: string[]): void {
  const named = (wanted: (server: Server) => boolean): string[] =>
    servers.filter(wanted).map(({ name }) => name)
  // In a sandbox each session works in a copy of it.
  const folder = named(
    ({ launch, cwd, driver }) =>
      launch.kind === 'local' && cwd !== 'session' && driver !== 'sandbox',
  )
  if (folder.length > 0) {
    warnings.push(
      `All sessions of ${listed(folder)} work in the same folder; with cwd: session each has an empty one of its own (BERTH_WORKSPACE names it in any case).`,
    )
  }
  const remote = named(({ launch }) => launch.kind === 'remote')
  if (remote.length > 0) {
    warnings.push(
      `All sessions of ${listed(remote)} share one remote server; Berth starts and isolates nothing there.`,
    )
  }
  const fixed = named(
    ({ launch }) =>
      launch.kind === 'local' && launch.port !== undefined && launch.sandbox.network === 'host',
  )
  if (fixed.length > 0) {
    warnings.push(
      `${listed(fixed)} ${fixed.length === 1 ? 'has' : 'have'} a fixed port, so there is one session at a time; a server that listens on the port in PORT has no such limit.`,
    )
  }
}
