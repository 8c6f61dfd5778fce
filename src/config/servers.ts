import type { AuthorizerSetting } from '../auth/options.ts'
import { endpointPath } from '../ground/paths.ts'
import type { Server } from '../sessions/server.ts'
import { checkAuthorizer } from './authorizer.ts'
import { checkShape, isMap, type Tree } from './check.ts'
import { withoutNulls } from './clients/entries.ts'
import type { ReadFile } from './clients/read.ts'
import type { WrittenServer } from './clients/written.ts'
import type { EntryContext } from './entry-context.ts'
import { readEntry, type Draft } from './entry.ts'
import { lifecycleOf, lifecycleProblem } from './lifecycle.ts'
import { urlNames } from './names.ts'
import { listed, type Path, type Problems } from './problems.ts'
import { runtimeArnOf } from './runtime-arn.ts'
import { defaultsOptions } from './schema.ts'

/** The servers, and the authorizers of those that have one of their own, by name. */
export interface ReadServers {
  servers: Server[]
  authorizers: Map<string, AuthorizerSetting>
  /** What is to be said of those whose name does not fit into a URL. */
  renamed: string[]
}

const none: ReadServers = { servers: [], authorizers: new Map(), renamed: [] }

/** Reads the servers of a file. What is wrong goes into `problems`. */
export function readServers(
  rawDefaults: unknown,
  { servers: entries, place, noServers, isOwn, client }: ReadFile,
  context: Omit<EntryContext, 'defaults' | 'leaveOut' | 'client' | 'isStrict'> & {
    account: { accountId: string; region: string }
  },
): ReadServers {
  const { problems, warnings, account } = context
  const defaults = readDefaults(rawDefaults, problems)
  if (entries === undefined) return none
  if (entries.length === 0) {
    problems.add(place, noServers)
    return none
  }
  const leftOut: { name: string; where: Path; why: string }[] = []
  const leaveOut: EntryContext['leaveOut'] = (name, where, why) => {
    if (isOwn) problems.add(where, why)
    else leftOut.push({ name, where, why })
  }
  const whose = { client, isStrict: isOwn || client === undefined }
  const drafts = new Map<string, Draft>()
  const before = problems.found.length
  for (const { name, raw, where } of entries) {
    const draft = readEntry(name, raw, where, { ...context, ...whose, defaults, leaveOut })
    if (drafts.has(name))
      problems.add(where, 'has the name of another one; give it one of its own.')
    if (draft !== undefined) drafts.set(name, draft)
  }
  const isEmpty = drafts.size === 0 && problems.found.length === before
  for (const { names, wheres, why } of alike(leftOut)) {
    if (!isEmpty) {
      const are = names.length === 1 ? 'server %s is' : 'servers %s are'
      warnings.push(`The ${are.replace('%s', () => listed(names))} left out: ${why}`)
    } else if (names.length === 1) problems.add(wheres[0] ?? place, why)
    else problems.add(place, `${listed(names)}: ${why}`)
  }
  if (isEmpty && leftOut.length === 0) problems.add(place, 'has no server that is enabled.')
  const marked = [...drafts].filter(([, draft]) => draft.isMarked).map(([name]) => name)
  if (marked.length > 1) {
    problems.add(place, `${listed(marked)} are all marked default: true; only one can be at /mcp.`)
  }
  const { servers, authorizers } = namedServers(drafts, account)
  checkArns(servers, entries, problems)
  warnOfSharing([...servers.values()], warnings)
  return { servers: [...servers.values()], authorizers, renamed: renamedIn(servers) }
}

/** Those that are left out for one reason, together. */
function alike(
  leftOut: readonly { name: string; where: Path; why: string }[],
): { names: string[]; wheres: Path[]; why: string }[] {
  return [...new Set(leftOut.map(({ why }) => why))].map((why) => {
    const same = leftOut.filter((one) => one.why === why)
    return { why, names: same.map(({ name }) => name), wheres: same.map(({ where }) => where) }
  })
}

/** By the names that they have in the file. */
function namedServers(
  drafts: ReadonlyMap<string, Draft>,
  account: { accountId: string; region: string },
): { servers: Map<string, Server>; authorizers: Map<string, AuthorizerSetting> } {
  const names = urlNames([...drafts.keys()])
  const authorizers = new Map<string, AuthorizerSetting>()
  const servers = new Map<string, Server>()
  for (const [written, { isMarked, authorizer, agentRuntimeArn, ...draft }] of drafts) {
    const name = names.get(written) ?? written
    if (authorizer !== undefined) authorizers.set(name, authorizer)
    const runtimeArn = agentRuntimeArn ?? runtimeArnOf(name, account)
    const isDefault = isMarked || drafts.size === 1
    servers.set(written, { name, runtimeArn, isDefault, ...draft })
  }
  return { servers, authorizers }
}

function renamedIn(servers: ReadonlyMap<string, Server>): string[] {
  return [...servers]
    .filter(([written, { name }]) => written !== name)
    .map(
      ([written, server]) =>
        `The server ${JSON.stringify(written)} is served at ${endpointPath(server)}, because its name does not fit into a URL.`,
    )
}

function readDefaults(written: unknown, problems: Problems): Tree {
  const raw = isMap(written) ? withoutNulls(written) : written
  const before = problems.found.length
  checkShape(defaultsOptions, raw, ['defaults'], problems)
  if (!isMap(raw) || problems.found.length > before) return {}
  const wrong = lifecycleProblem(lifecycleOf(raw.lifecycleConfiguration, undefined))
  if (wrong !== undefined) problems.add('defaults.lifecycleConfiguration', wrong)
  checkAuthorizer(raw.authorizerConfiguration, ['defaults', 'authorizerConfiguration'], problems)
  return raw
}

function checkArns(
  servers: ReadonlyMap<string, Server>,
  entries: readonly WrittenServer[],
  problems: Problems,
): void {
  const first = new Map<string, string>()
  for (const [written, { name, runtimeArn }] of servers) {
    const other = first.get(runtimeArn)
    const where = entries.find((entry) => entry.name === written)?.where ?? []
    if (other === undefined) first.set(runtimeArn, name)
    else {
      problems.add(
        [...where, 'agentRuntimeArn'],
        `is that of ${other} too; every server needs its own.`,
      )
    }
  }
}

/** What sessions of one server have in common, where somebody might think that they have nothing. */
function warnOfSharing(servers: readonly Server[], warnings: string[]): void {
  const named = (wanted: (server: Server) => boolean): string[] =>
    servers.filter(wanted).map(({ name }) => name)
  // In a sandbox each session works in a copy of it.
  // Where a command line says it all, there is no key to write it otherwise.
  const folder = named(
    ({ launch, cwd, driver }) =>
      launch.kind === 'local' &&
      launch.origin?.isCommandLine !== true &&
      cwd !== 'session' &&
      driver !== 'sandbox',
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
      `${listed(fixed)} ${fixed.length === 1 ? 'has' : 'have'} a fixed port, so there is one session at a time; a server that listens on the port in PORT has no such limit, nor has one with isolation: sandbox and network: private.`,
    )
  }
}
