import { found, isMap, type Tree } from '../check.ts'
import type { Environment } from '../environment.ts'
import type { Problems } from '../problems.ts'
import { ownWords, settingKeys } from '../schema.ts'
import { inOurWords } from './entries.ts'
import { at, clientOf, hasEntries, placeIn, type Client } from './marks.ts'
import { projectServers } from './projects.ts'
import { few, noteOf } from './top-level.ts'
import type { WrittenServer } from './written.ts'

export interface ReadFile {
  /** Berth's own settings. */
  settings: Tree
  /** Undefined where what stands there is no list of servers; the problem is named then. */
  servers: WrittenServer[] | undefined
  /** The key of the servers, for messages. */
  place: string
  /** What is to be said where there is no server at all. */
  noServers: string
  /** Whether Berth alone reads this file: then a server in it that cannot be served is a mistake. */
  isOwn: boolean
  /** The other client whose file it is, if that is known. */
  client: string | undefined
  /** One text that names what is left out; undefined: nothing is. */
  note: string | undefined
}

/**
 * Finds the servers and the settings in a file that may be another client's. Whose it is, its keys
 * say, never its name:
 *
 * - A file with a setting of Berth (`listen`, `defaults` …), or with a word that only Berth has in
 *   one of its servers (`isolation`, `limits` …), is Berth's own. A key that it does not know is an
 *   error there, with the key that was probably meant; but for words that no hand writes by mistake
 *   and that belong to a known client (`globalShortcut`), which are left out.
 * - A file with a key of a known client (`clients`), or with its servers where that client has them,
 *   is that client's. Whatever is no setting of Berth is left out and named in one warning.
 * - Any other file has servers and nothing known beside them. There a key that is nearly one of
 *   Berth's, or one of a server, is an error, and any other key is left out and named.
 *
 * Settings of Berth hold in every file, so that no authorizer is passed over.
 */
export function readFileOf(
  written: Tree,
  { cwd, env }: { cwd: string; env: Environment },
  problems: Problems,
): ReadFile {
  const tree = withoutDotted(written)
  const keys = Object.keys(tree).filter((key) => !settingKeys.includes(key))
  const likely = clientOf(tree, keys, { isCertain: false })
  const isSetting = (key: string): boolean =>
    settingKeys.includes(key) && likely?.taken?.includes(key) !== true
  const isOwn = Object.keys(tree).some(isSetting) || hasOwnWords(tree)
  const client = isOwn ? clientOf(tree, keys, { isCertain: true }) : likely

  const { place, entries } = placeOf(tree, client)
  const servers = listOf(entries, place, problems)
  if (isMap(tree.servers) && isMap(tree.mcpServers)) {
    problems.add('servers', 'stands beside mcpServers; move its entries there.')
  }
  const projects = client?.name === 'Claude Code' ? projectServers(tree.projects, cwd) : undefined
  const all = mergedByName(servers, projects?.servers)
  const note = noteOf(written, { client, isOwn, isSetting, place, projects }, problems)
  const off = switchedOff(tree, projects?.disabled)
  return {
    settings: Object.fromEntries(Object.entries(tree).filter(([key]) => isSetting(key))),
    servers: all?.map(({ name, raw, where }) => {
      const ours = inOurWords(raw, client, env)
      return { name, where, raw: off(name) && isMap(ours) ? { ...ours, disabled: true } : ours }
    }),
    place: place.join('.'),
    noServers: noServersText(client, place, projects?.others ?? []),
    isOwn,
    client: client?.name,
    note,
  }
}

/** `listen.port: 1` is a mistake in a file of Berth, and no mark of VS Code. */
function withoutDotted(tree: Tree): Tree {
  return Object.fromEntries(
    Object.entries(tree).filter(([key]) => {
      const [first = '', ...more] = key.split('.')
      return more.length === 0 || !settingKeys.includes(first)
    }),
  )
}

function hasOwnWords({ mcpServers, servers }: Tree): boolean {
  return [mcpServers, servers]
    .flatMap((entries) => (isMap(entries) ? Object.values(entries) : []))
    .some((entry) => isMap(entry) && ownWords.some((word) => Object.hasOwn(entry, word)))
}

function placeOf(
  tree: Tree,
  client: Client | undefined,
): { place: readonly string[]; entries: unknown } {
  for (const key of ['mcpServers', 'servers']) {
    if (tree[key] !== undefined && tree[key] !== null) return { place: [key], entries: tree[key] }
  }
  const place = client && placeIn(tree, client)
  if (place !== undefined) return { place, entries: at(tree, place) }
  const isBare = Object.values(tree).every((value) => hasEntries({ value }))
  if (isBare && hasEntries(tree)) return { place: [], entries: tree }
  return { place: ['mcpServers'], entries: undefined }
}

function noServersText(
  client: Client | undefined,
  place: readonly string[],
  others: readonly string[],
): string {
  if (client === undefined) {
    return `names no server. Example: ${place.join('.')}: { fetch: { command: uvx, args: [mcp-server-fetch] } }`
  }
  return others.length === 0
    ? `names no server: this is a file of ${client.name}, and none are in it.`
    : `names no server: this is a file of ${client.name}, with servers of other folders only (${few(others)}). Start Berth in such a folder.`
}

/** A map by name; or, as Continue has it, a list of servers that have their names in them. */
function listOf(
  entries: unknown,
  place: readonly string[],
  problems: Problems,
): WrittenServer[] | undefined {
  if (entries === undefined || entries === null) return []
  if (isMap(entries)) {
    return Object.entries(entries).map(([name, raw]) => ({ name, raw, where: [...place, name] }))
  }
  const isNamed = (entry: unknown): entry is Tree & { name: string } =>
    isMap(entry) && typeof entry.name === 'string'
  if (Array.isArray(entries) && entries.length > 0 && entries.every(isNamed)) {
    return entries.map(({ name, ...raw }, index) => ({ name, raw, where: [...place, index] }))
  }
  problems.add(place, `found ${found(entries)}, expected a map from names to servers.`)
  return undefined
}

/** The nearer one of two with the same name, as the client itself has it. */
function mergedByName(
  servers: WrittenServer[] | undefined,
  nearer: WrittenServer[] = [],
): WrittenServer[] | undefined {
  const names = new Set(nearer.map(({ name }) => name))
  return servers && [...servers.filter(({ name }) => !names.has(name)), ...nearer]
}

/** Which servers the file itself has switched off, elsewhere than in the server. */
function switchedOff(tree: Tree, disabled: readonly unknown[] = []): (name: string) => boolean {
  const { allowed, excluded } = isMap(tree.mcp) ? tree.mcp : {}
  return (name) =>
    disabled.includes(name) ||
    (Array.isArray(excluded) && excluded.includes(name)) ||
    (Array.isArray(allowed) && allowed.length > 0 && !allowed.includes(name))
}
