import { accessSync, constants } from 'node:fs'
import path from 'node:path'

import type { Static } from 'typebox'

import type { RedisAddress, RedisStoreConfig, storeOptions } from '../sessions/options.ts'
import type { Environment } from './environment.ts'
import { expandHome, textReader } from './folders.ts'
import { fill, folderNames, type Scope } from './placeholders.ts'
import { listed, type Problems } from './problems.ts'

export interface StoreContext {
  /** Folder that relative paths start from. */
  base: string
  homeDir: string
  env: Environment
  /** Takes the paths of files that hold secrets. */
  files: Set<string>
  problems: Problems
}

type StoreOptions = Static<typeof storeOptions>
type Place = RedisStoreConfig['place']
/** What a URL says beside the place. */
interface Login {
  username?: string
  password?: string
  db?: number
  tls?: boolean
}

/** @returns undefined when anything was wrong; all of it is in `problems` then */
export function readStore(
  options: StoreOptions,
  context: StoreContext,
): { kind: 'memory' } | RedisStoreConfig | undefined {
  const { problems } = context
  const before = problems.found.length
  const store = options.kind === 'memory' ? memory(options, problems) : redis(options, context)
  return problems.found.length === before ? store : undefined
}

function memory(options: StoreOptions, problems: Problems): { kind: 'memory' } {
  for (const key of Object.keys(options)) {
    if (key === 'kind') continue
    problems.add(`store.${key}`, 'is for kind: redis. Write store.kind: redis, or take it out.')
  }
  return { kind: 'memory' }
}

function redis(options: StoreOptions, context: StoreContext): RedisStoreConfig {
  refuseContradictions(options, context.problems)
  const filled = (key: 'username' | 'password' | 'sentinelPassword'): string | undefined => {
    const written = options[key]
    return written === undefined ? undefined : fillIn(written, key, context)
  }
  const before = context.problems.found.length
  const url = readUrl(fillUrl(options.url ?? 'redis://127.0.0.1:6379/0', context))
  if (url === undefined && context.problems.found.length === before) {
    context.problems.add(
      'store.url',
      'expected redis://USER:PASSWORD@HOST:PORT/DB (rediss:// for TLS) or redis+unix:///PATH?db=DB, with user and password percent-encoded. Example: url: redis://127.0.0.1:6379/0',
    )
  }
  const { place, login = {} } = otherPlace(options, filled('sentinelPassword')) ?? url ?? {}
  for (const key of ['username', 'password'] as const) {
    if (login[key] !== undefined && options[key] !== undefined) {
      context.problems.add(`store.${key}`, 'stands in store.url too. Keep one of them.')
    }
  }
  const isUrlPlain = options.url !== undefined && login.tls !== true
  if (isUrlPlain && options.tls !== undefined && place?.kind === 'server') {
    context.problems.add('store.tls', 'store.url is without TLS. Write rediss:// there.')
  }
  const usesTls = options.tls !== undefined || login.tls === true
  return {
    kind: 'redis',
    place: place ?? { kind: 'server', host: '', port: 0 },
    db: login.db ?? 0,
    prefix: options.prefix ?? 'berth',
    username: filled('username') ?? login.username,
    password: filled('password') ?? login.password,
    tls: usesTls ? tlsOf(options.tls ?? {}, context) : undefined,
  }
}

function refuseContradictions(options: StoreOptions, problems: Problems): void {
  const places = (['url', 'sentinels', 'cluster'] as const).filter(
    (key) => options[key] !== undefined,
  )
  if (places.length > 1) {
    problems.add(
      `store.${places[1] ?? ''}`,
      `${listed(places)} each say where Redis is. Keep one: url for a server, sentinels for one that may move, cluster for a Redis Cluster.`,
    )
  }
  if (options.sentinels !== undefined && options.sentinelName === undefined) {
    problems.add(
      'store.sentinelName',
      'is missing: what do the sentinels call this Redis? Example: sentinelName: mymaster',
    )
  }
  for (const key of ['sentinelName', 'sentinelPassword'] as const) {
    if (options[key] !== undefined && options.sentinels === undefined) {
      problems.add(`store.${key}`, 'is for store.sentinels, which is not there.')
    }
  }
  if (options.username !== undefined && options.password === undefined) {
    problems.add('store.password', 'is missing: a user of Redis has a password.')
  }
  const { certFile, keyFile } = options.tls ?? {}
  if ((certFile === undefined) !== (keyFile === undefined)) {
    problems.add('store.tls', 'certFile and keyFile need each other.')
  }
}

function otherPlace(
  { sentinels, sentinelName, cluster }: StoreOptions,
  sentinelPassword: string | undefined,
): { place: Place; login?: Login } | undefined {
  if (cluster !== undefined) return { place: { kind: 'cluster', nodes: cluster.map(addressOf) } }
  if (sentinels === undefined) return undefined
  return {
    place: {
      kind: 'sentinel',
      name: sentinelName ?? '',
      sentinels: sentinels.map(addressOf),
      password: sentinelPassword,
    },
  }
}

function addressOf(text: string): RedisAddress {
  const at = text.lastIndexOf(':')
  return { host: text.slice(0, at).replace(/^\[(.*)\]$/, '$1'), port: Number(text.slice(at + 1)) }
}

function readUrl(text: string): { place: Place; login: Login } | undefined {
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  const login = loginOf(url)
  if (login === undefined) return undefined
  if (url.protocol === 'redis+unix:') {
    const db = dbOf(url.searchParams.get('db') ?? '0')
    const socket = decoded(url.pathname)
    if (url.host !== '' || !socket || socket === '/' || db === undefined) return undefined
    return { place: { kind: 'socket', path: socket }, login: { ...login, db } }
  }
  const db = dbOf(url.pathname.slice(1) || '0')
  const isRedis = url.protocol === 'redis:' || url.protocol === 'rediss:'
  if (!isRedis || url.hostname === '' || db === undefined || url.search + url.hash !== '') {
    return undefined
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  return {
    place: { kind: 'server', host, port: Number(url.port || '6379') },
    login: { ...login, db, tls: url.protocol === 'rediss:' },
  }
}

function loginOf(url: URL): Login | undefined {
  const username = decoded(url.username)
  const password = decoded(url.password)
  if (username === undefined || password === undefined) return undefined
  return { ...(username === '' ? {} : { username }), ...(password === '' ? {} : { password }) }
}

const dbOf = (text: string): number | undefined =>
  /^\d{1,6}$/.test(text) ? Number(text) : undefined

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function tlsOf(
  options: NonNullable<StoreOptions['tls']>,
  { base, homeDir, files: secret, problems }: StoreContext,
): NonNullable<RedisStoreConfig['tls']> {
  const { servername } = options
  const files = (['caFile', 'certFile', 'keyFile'] as const).flatMap((key): [string, string][] => {
    const written = options[key]
    if (written === undefined) return []
    const file = path.resolve(base, expandHome(written, homeDir))
    if (!isReadable(file))
      problems.add(`store.tls.${key}`, 'there is no file there that can be read.')
    if (key === 'keyFile') secret.add(file)
    return [[key, file]]
  })
  return { ...Object.fromEntries(files), ...(servername === undefined ? {} : { servername }) }
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK)
    return true
  } catch {
    return false
  }
}

/** What a placeholder before the last @ stands for is encoded, so that any password may be in it. */
function fillUrl(written: string, context: StoreContext): string {
  const [, scheme, login, rest] = /^([\w+]+:\/\/)(.*)@([^@]*)$/s.exec(written) ?? []
  if (scheme === undefined || login === undefined || rest === undefined) {
    return fillIn(written, 'url', context)
  }
  const filled = fillIn(login, 'url', context, encodeURIComponent)
  return `${scheme}${filled}@${fillIn(rest, 'url', context)}`
}

function fillIn(
  written: string,
  key: string,
  context: StoreContext,
  encode = (value: string): string => value,
): string {
  const { base, homeDir, env, files, problems } = context
  const scope: Scope = {
    variable(name) {
      const value = Object.hasOwn(env, name) ? env[name] : undefined
      return value === undefined ? undefined : encode(value)
    },
    file(name, fail) {
      const text = textReader({ base, homeDir, files })(name, fail)
      return text === undefined ? undefined : encode(text)
    },
    folders: folderNames(base, homeDir),
    port: undefined,
    literal: false,
  }
  return fill(written, scope, (why) => problems.add(`store.${key}`, why))
}
