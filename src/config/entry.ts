import type { AuthorizerSetting } from '../auth/options.ts'
import { isValid, withDefaults } from '../ground/schema.ts'
import type { Server } from '../sessions/server.ts'
import { checkAuthorizer } from './authorizer.ts'
import { readAccess } from './access.ts'
import { checkShape, found, isMap, type Tree } from './check.ts'
import { unfilledPlaces, withoutNulls } from './clients/entries.ts'
import type { Entry, EntryContext, ServerOptions } from './entry-context.ts'
import { unservable, windowsPlaces } from './here.ts'
import { checkFit, defaultsFor, fits, isPlain, kindOf, transportWord, type Kind } from './kind.ts'
import { localLaunch, remoteLaunch, type Launched } from './launch.ts'
import { lifecycleOf, lifecycleProblem } from './lifecycle.ts'
import { didYouMean, listed, showPath, withMeant, type Path, type Problems } from './problems.ts'
import { headerProblem } from './request-headers.ts'
import { laterIsolations, laterText, serverOptions } from './schema.ts'
import { readWarm } from './warm.ts'

/** A server that has no name in a URL yet. */
export type Draft = Omit<Server, 'name' | 'isDefault' | 'runtimeArn'> & {
  isMarked: boolean
  agentRuntimeArn: string | undefined
  /** Undefined where it is that of all servers. */
  authorizer: AuthorizerSetting | undefined
}

/**
 * Reads one entry of `mcpServers`.
 *
 * @returns undefined when it is disabled, or when anything is wrong with it
 */
export function readEntry(
  name: string,
  written: unknown,
  where: Path,
  context: EntryContext,
): Draft | undefined {
  const { problems, warnings, defaults } = context
  if (!isMap(written)) {
    problems.add(
      where,
      `found ${found(written)}, expected a map with command or url. Example: ${name}: { command: npx, args: [...] }`,
    )
    return undefined
  }
  const raw = withoutNulls(written)
  if ((raw.disabled ?? defaults.disabled) === true || raw.enabled === false) {
    warnings.push(`The server ${name} is left out, because it is disabled.`)
    return undefined
  }
  const before = problems.found.length
  const never = unservable(raw, context)
  if (never !== undefined) {
    context.leaveOut(name, where, never)
    return undefined
  }
  refuseLater(raw, where, problems)
  const own = ownKeys(raw)
  const kind = kindOf(own, raw, defaults, where, problems)
  const sound = soundKeys(own, where, problems)
  if (context.isStrict) refuseNearMisses(raw, kind, where, problems)
  const lifecycle = lifecycleOf(own.lifecycleConfiguration, defaults.lifecycleConfiguration)
  const wrong = lifecycleProblem(lifecycle)
  if (wrong !== undefined) problems.add([...where, 'lifecycleConfiguration'], wrong)
  if (raw.customJWTAuthorizer !== undefined) {
    problems.add([...where, 'customJWTAuthorizer'], 'belongs into authorizerConfiguration.')
  }
  const isLost = ['command', 'url', 'transport'].some((key) => own[key] !== sound[key])
  if (kind === undefined || isLost) return undefined
  checkFit(own, kind, defaults, where, problems)
  warnOfIdleKeys(raw, kind, where, warnings)

  // What is sound is read on, past what is wrong, so that its placeholders are checked as well.
  const usual = defaultsFor(own, kind, defaults)
  const given = merged(isPlain(own, defaults) ? plainDefaults(usual) : usual, sound)
  const options = withDefaults(serverOptions, given)
  if (!isValid(serverOptions, options)) {
    problems.add(where, 'is not a valid server.')
    return undefined
  }
  const { startTimeoutMs, graceMs, onExpired, requireLimits, default: isMarked } = options
  const requestHeaders = allowedHeaders(options, where, problems)
  const access = readAccess(options, where, problems)
  const entry = { name, where, options }
  const launch = kind === 'remote' ? remoteLaunch(entry, context) : localLaunch(entry, context)
  const warm = readWarm(entry, launch, own, context)
  if (problems.found.length > before) return undefined
  if (leadsNowhereElse(entry, launch, context)) return undefined
  const { authorizerConfiguration: authorizer, agentRuntimeArn } = options
  const times = { lifecycle, startTimeoutMs, graceMs, onExpired }
  const { protocol, mode } = options
  const names = { isMarked, agentRuntimeArn, protocol, mode }
  return {
    ...launch,
    ...times,
    ...names,
    ...warm,
    requireLimits,
    requestHeaders,
    access,
    authorizer,
  }
}

/** Whether sessions of a server would come back to this gateway, and open others there. */
function leadsNowhereElse(
  { name, where }: Pick<Entry, 'name' | 'where'>,
  { launch }: Launched,
  { isOwnAddress, leaveOut, warnings }: EntryContext,
): boolean {
  if (launch.kind === 'remote') {
    if (!isOwnAddress(launch.url)) return false
    leaveOut(name, where, loopText)
    return true
  }
  if (launch.kind === 'inside') return false
  const index = launch.args.findIndex(isOwnAddress)
  if (index >= 0) {
    warnings.push(
      `${showPath([...where, 'args', index])} is the address of this gateway: if the server passes its sessions on to it, each opens another, without end.`,
    )
  }
  return false
}

const loopText =
  'the url leads back to this gateway, and each session would open another, without end. A file for clients (mcp-berth client-config) has such urls; serve the one that has the commands.'

/** Of an agent that speaks no MCP, where nobody says otherwise. */
const plainDefaults = (usual: Tree): Tree => ({
  path: '/invocations',
  ...usual,
  transport: 'http',
})

function allowedHeaders(
  { requestHeaderConfiguration: { requestHeaderAllowlist: names } = {} }: ServerOptions,
  where: Path,
  problems: Problems,
): string[] | undefined {
  const at = [...where, 'requestHeaderConfiguration', 'requestHeaderAllowlist']
  for (const [index, name] of names?.entries() ?? []) {
    const wrong = headerProblem(name, index, names ?? [])
    if (wrong !== undefined) problems.add([...at, index], wrong)
  }
  return names?.map((name) => name.toLowerCase())
}

/** The keys whose values are as they should be; the others are problems. */
function soundKeys(own: Tree, where: Path, problems: Problems): Tree {
  const sound = Object.entries(own).filter(([key, value]) => {
    if (key === 'transport' && value === 'sse') return false // refused already, with the reason
    const before = problems.found.length
    checkShape(serverOptions, { [key]: value }, where, problems)
    if (key === 'authorizerConfiguration') checkAuthorizer(value, [...where, key], problems)
    return problems.found.length === before
  })
  return Object.fromEntries(sound)
}

const ourKeys = Object.keys(serverOptions.properties)

/** The keys of ours, in our words, without what was refused already. */
function ownKeys(raw: Tree): Tree {
  const own = Object.entries(raw).filter(
    ([key, value]) => ourKeys.includes(key) && !(key === 'isolation' && isLaterIsolation(value)),
  )
  return Object.fromEntries(
    own.map(([key, value]) => [
      key,
      key === 'type' || key === 'transport' ? transportWord(value) : value,
    ]),
  )
}

const isLaterIsolation = (value: unknown): boolean =>
  typeof value === 'string' && laterIsolations.includes(value)

function refuseLater(raw: Tree, where: Path, problems: Problems): void {
  if (isLaterIsolation(raw.isolation)) {
    problems.add([...where, 'isolation'], laterText('there are process and sandbox only'))
  }
}

/** What of other clients' words is done, or has nothing to do with a server: whether a client asks. */
const understood = ['enabled', 'alwaysAllow', 'autoApprove']

const foreignKeys = (raw: Tree): string[] =>
  Object.keys(raw).filter((key) => !ourKeys.includes(key) && !understood.includes(key))

/** Words of other clients that are near to one of ours, and say something else. */
const neverMistyped = ['auth', 'model', 'models']

function refuseNearMisses(
  raw: Tree,
  kind: Kind | undefined,
  where: Path,
  problems: Problems,
): void {
  for (const key of foreignKeys(raw)) {
    // With a mark before it, a key is commented out.
    if (neverMistyped.includes(key) || !/^[a-z]/i.test(key)) continue
    const meant = didYouMean(key, ourKeys)
    const isSaid = kind === undefined && / (command|url)\?$/.test(meant)
    if (meant !== '' && !isSaid) problems.add([...where, key], `unknown key.${meant}`)
  }
}

/** Keys of other clients, and keys of ours that have no effect here: one warning for a server. */
function warnOfIdleKeys(raw: Tree, kind: Kind, where: Path, warnings: string[]): void {
  const said: string[] = []
  const foreign = foreignKeys(raw).map((key) =>
    neverMistyped.includes(key) ? key : withMeant(key, ourKeys),
  )
  if (foreign.length > 0) said.push(`Berth does not know ${listed(foreign)}.`)
  const unfilled = unfilledPlaces(raw)
  if (unfilled.length > 0) {
    said.push(
      `${listed(unfilled)} ${unfilled.length === 1 ? 'looks' : 'look'} as if another client would fill in something, and the server is given the text as it is; Berth fills in \${NAME}.`,
    )
  }
  const windows = kind === 'local' ? windowsPlaces(raw) : []
  if (windows.length > 0) {
    const [is, path] = windows.length === 1 ? ['is', 'a path'] : ['are', 'paths']
    said.push(`${listed(windows)} ${is} ${path} of Windows, which the server will not find here.`)
  }
  if (raw.sandboxEnabled === true) {
    said.push("The sandbox is VS Code's own; here the server runs without it.")
  }
  const idle = Object.keys(raw).filter((key) => ourKeys.includes(key) && !fits(key, kind))
  if (idle.length > 0) {
    said.push(
      `${listed(idle)} ${idle.length === 1 ? 'has' : 'have'} no effect on a server with a ${kind === 'local' ? 'command' : 'url'}.`,
    )
  }
  if (said.length > 0) warnings.push(`${showPath(where)}: ${said.join(' ')}`)
}

/** Maps are merged, everything else is replaced. */
function merged(defaults: Tree, own: Tree): Tree {
  const maps = Object.entries(own).flatMap(([key, value]): [string, Tree][] => {
    const usual = defaults[key]
    return isMap(value) && isMap(usual) ? [[key, { ...usual, ...value }]] : []
  })
  return { ...defaults, ...own, ...Object.fromEntries(maps) }
}
