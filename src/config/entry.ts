import type { Static } from 'typebox'
import * as Value from 'typebox/value'

import type { Lifecycle, Server } from '../sessions/server.ts'
import { checkShape, found, isMap, type Tree } from './check.ts'
import type { Environment } from './environment.ts'
import { localLaunch, remoteLaunch } from './launch.ts'
import { didYouMean, listed, nearest, showPath, type Path, type Problems } from './problems.ts'
import { laterKeys, serverOptions } from './schema.ts'

export type ServerOptions = Static<typeof serverOptions>

export interface EntryContext {
  /** Folder that relative paths start from. */
  base: string
  homeDir: string
  env: Environment
  /** Only `${PORT}` is a placeholder. */
  literal: boolean
  /** Checked: the same keys as an entry. */
  defaults: Tree
  problems: Problems
  warnings: string[]
}

/** A server that has no name in a URL yet. */
export type Draft = Omit<Server, 'name' | 'isDefault'> & { isMarked: boolean }

/**
 * Reads one entry of `mcpServers`.
 *
 * @returns undefined when it is disabled, or when anything is wrong with it
 */
export function readEntry(
  name: string,
  raw: unknown,
  where: Path,
  context: EntryContext,
): Draft | undefined {
  const { problems, warnings, defaults } = context
  if (!isMap(raw)) {
    problems.add(
      where,
      `found ${found(raw)}, expected a map with command or url. Example: ${name}: { command: npx, args: [...] }`,
    )
    return undefined
  }
  if ((raw.disabled ?? defaults.disabled) === true || raw.enabled === false) {
    warnings.push(`The server ${name} is left out, because it is disabled.`)
    return undefined
  }
  const before = problems.found.length
  refuseLaterKeys(raw, where, problems)
  const own = Object.fromEntries(Object.entries(raw).filter(([key]) => isKnown(key)))
  const kind = kindOf(own, raw, where, context)
  if (kind === undefined) return undefined
  checkShape(serverOptions, own, where, problems)
  refuseKeysOfOthers(own, kind, where, problems, defaults)
  warnOfIdleKeys(raw, kind, where, warnings)
  const lifecycle = lifecycleOf(own.lifecycleConfiguration, defaults.lifecycleConfiguration)
  if (lifecycle.idleMs > lifecycle.maxMs) {
    problems.add([...where, 'lifecycleConfiguration'], lifecycleText(lifecycle))
  }
  if (problems.found.length > before) return undefined

  const options = Value.Default(serverOptions, merged(defaultsFor(kind, defaults), own))
  if (!Value.Check(serverOptions, options)) {
    problems.add(where, 'is not a valid server.')
    return undefined
  }
  const { startTimeoutMs, graceMs, default: isMarked } = options
  const times = { lifecycle, startTimeoutMs, graceMs, isMarked }
  const launch = (kind === 'remote' ? remoteLaunch : localLaunch)(name, options, where, context)
  return problems.found.length > before ? undefined : { ...launch, ...times }
}

const isKnown = (key: string): boolean => Object.hasOwn(serverOptions.properties, key)

type Kind = 'local' | 'remote'

/** A command or a url, and no word that contradicts it. Sets `transport` of what other clients write. */
function kindOf(own: Tree, raw: Tree, where: Path, context: EntryContext): Kind | undefined {
  const { problems, defaults } = context
  const has = (key: 'command' | 'url'): boolean => own[key] !== undefined
  if (has('command') && has('url')) {
    problems.add(where, 'has both command and url; take one out.')
    return undefined
  }
  const either = has('command') || has('url') ? own : defaults
  if (either.command === undefined && either.url === undefined) {
    const other = Object.keys(raw).find(
      (key) => /url$/i.test(key) || /^(cmd|exec|program)$/i.test(key),
    )
    const hint =
      other === undefined
        ? ''
        : ` It has ${other}; write ${/url$/i.test(other) ? 'url' : 'command'}.`
    problems.add(
      where,
      `has neither command nor url.${hint} Example: { command: uvx, args: [mcp-server-fetch] }`,
    )
    return undefined
  }
  const kind = either.url === undefined ? 'local' : 'remote'
  const words = [own.type, own.transport].map(transportOf)
  if (words.includes('sse')) {
    problems.add(where, sseText)
    return undefined
  }
  const [type, transport] = words
  if (transport !== undefined) own.transport = transport
  if (type !== undefined && type !== 'stdio' && type !== 'http') {
    problems.add(
      [...where, 'type'],
      'expected stdio or http (for a url); there is no other transport here.',
    )
  } else if (kind === 'local' && type === 'http') {
    problems.add(
      [...where, 'type'],
      'http goes with a url. For a command that serves HTTP on the port in PORT write transport: http.',
    )
  } else if (kind === 'local' && type === 'stdio' && transport === 'http') {
    problems.add([...where, 'type'], 'stdio contradicts transport: http; take one out.')
  } else if (kind === 'remote' && words.includes('stdio')) {
    problems.add(where, 'stdio goes with a command, not with a url; take one out.')
  }
  return kind
}

/** The names that other clients have for the same transports. */
function transportOf(word: unknown): unknown {
  if (typeof word !== 'string') return word
  const plain = word.toLowerCase().replaceAll(/[^a-z]/g, '')
  if (plain === 'streamablehttp') return 'http'
  return plain === 'local' ? 'stdio' : plain === 'sse' ? 'sse' : word
}

const sseText =
  'HTTP+SSE is the transport of MCP 2024-11-05, deprecated since 2025-03-26, and Berth does not carry it. If the server has a Streamable HTTP address too (mostly it ends in /mcp), write that with type: http; else let a bridge speak to it: command: npx, args: [-y, mcp-remote, URL, --transport, sse-only].'

function refuseLaterKeys(raw: Tree, where: Path, problems: Problems): void {
  for (const [key, instead] of Object.entries(laterKeys)) {
    if (raw[key] !== undefined) problems.add([...where, key], laterText(instead))
  }
  if (typeof raw.isolation === 'string' && /^(sandbox|container|kubernetes)$/.test(raw.isolation)) {
    problems.add([...where, 'isolation'], laterText('there is isolation: process only'))
    delete raw.isolation
  }
}

export function laterText(instead: string): string {
  return `comes with a later release; in this one ${instead}. Take it out.`
}

const httpKeys = ['port', 'path', 'relay']
const remoteKeys = ['url', 'headers']
const sharedKeys = [
  ...['envFile', 'lifecycleConfiguration', 'startTimeoutMs', 'graceMs', 'default', 'disabled'],
]

/** Keys of ours that contradict the kind of server. */
function refuseKeysOfOthers(
  own: Tree,
  kind: Kind,
  where: Path,
  problems: Problems,
  defaults: Tree,
): void {
  if (own.isolation === (kind === 'local' ? 'remote' : 'process')) {
    problems.add(
      [...where, 'isolation'],
      `a server with a ${kind === 'local' ? 'command' : 'url'} has isolation: ${kind === 'local' ? 'process' : 'remote'}.`,
    )
  }
  if (kind === 'remote' || (own.transport ?? defaults.transport) === 'http') return
  for (const key of httpKeys.filter((name) => own[name] !== undefined)) {
    problems.add(
      [...where, key],
      'is for a server that speaks HTTP; add transport: http, or take it out.',
    )
  }
}

/** Keys of other clients, and keys of ours that have no effect here: one warning for a server. */
function warnOfIdleKeys(raw: Tree, kind: Kind, where: Path, warnings: string[]): void {
  const said: string[] = []
  const foreign = Object.keys(raw).filter((key) => !isKnown(key))
  if (foreign.length > 0) {
    said.push(`${listed(foreign)} ${foreign.length === 1 ? 'means' : 'mean'} nothing to Berth.`)
  }
  for (const key of foreign) {
    if (nearest(key, Object.keys(serverOptions.properties)) === undefined) continue
    said.push(`${key}:${didYouMean(key, Object.keys(serverOptions.properties))}`)
  }
  if (raw.sandboxEnabled === true) {
    said.push("The sandbox is VS Code's own; here the server runs without it.")
  }
  const idle = Object.keys(raw).filter(
    (key) => isKnown(key) && key !== 'type' && key !== 'isolation' && !fits(key, kind),
  )
  if (idle.length > 0) {
    said.push(
      `${listed(idle)} ${idle.length === 1 ? 'has' : 'have'} no effect on a server with a ${kind === 'local' ? 'command' : 'url'}.`,
    )
  }
  if (said.length > 0) warnings.push(`${showPath(where)}: ${said.join(' ')}`)
}

function fits(key: string, kind: Kind): boolean {
  if (sharedKeys.includes(key)) return true
  if (key === 'transport') return true
  return remoteKeys.includes(key) === (kind === 'remote')
}

/** What of `defaults` a server of that kind takes. */
function defaultsFor(kind: Kind, defaults: Tree): Tree {
  return Object.fromEntries(
    Object.entries(defaults).filter(
      ([key]) => fits(key, kind) && key !== 'type' && key !== 'isolation',
    ),
  )
}

/** Maps are merged, everything else is replaced. */
function merged(defaults: Tree, own: Tree): Tree {
  const both = Object.keys(own).filter((key) => isMap(own[key]) && isMap(defaults[key]))
  const maps = both.map((key): [string, Tree] => [
    key,
    { ...(defaults[key] as Tree), ...(own[key] as Tree) },
  ])
  return { ...defaults, ...own, ...Object.fromEntries(maps) }
}

/**
 * AgentCore's rule: `maxLifetime` alone shortens the idle time to itself where that is longer, and
 * the idle time alone leaves the maximum as it is. Values of `defaults` stand for AgentCore's own.
 */
export function lifecycleOf(own: unknown, defaults: unknown): Lifecycle {
  const seconds = (from: unknown, key: string): number | undefined => {
    const value = isMap(from) ? from[key] : undefined
    return typeof value === 'number' ? value : undefined
  }
  const max = seconds(own, 'maxLifetime') ?? seconds(defaults, 'maxLifetime') ?? 28_800
  const idle =
    seconds(own, 'idleRuntimeSessionTimeout') ??
    Math.min(seconds(defaults, 'idleRuntimeSessionTimeout') ?? 900, max)
  return { idleMs: idle * 1000, maxMs: max * 1000 }
}

export function lifecycleText({ idleMs, maxMs }: Lifecycle): string {
  return `idleRuntimeSessionTimeout (${idleMs / 1000} seconds) is longer than maxLifetime (${maxMs / 1000}); it may be as long at most.`
}
