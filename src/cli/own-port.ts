import { readFileSync, statSync } from 'node:fs'
import { basename, resolve } from 'node:path'

import type { Config } from '../config/config.ts'
import type { BerthEvents } from '../ground/events.ts'
import type { ListensElsewhere } from '../gateway.ts'
import { findSandboxFor, keysFor, ownNetwork, shownKeys } from '../gateway.ts'
import { quoted } from '../ground/shell.ts'

/** Servers with a port of their own, and the one line with which each is served many times at once. */

type Server = Config['servers'][number]
type Local = Extract<Server['launch'], { kind: 'local' }>

/** What was typed, as far as it has to be typed again. */
export interface Typed {
  values: Readonly<Record<string, unknown>>
  /** What stood after `--`; undefined where a file was given. */
  rest: readonly string[] | undefined
}

/** What `serve` says at its start of servers that are limited to one session, or will not be found. */
export async function ownPortNotes(config: Config, typed: Typed): Promise<string[]> {
  const [server, ...others] = config.servers
  if (typed.rest === undefined || server === undefined || others.length > 0) return []
  const { launch } = server
  if (launch.kind !== 'local' || launch.sandbox.network !== 'host') return []
  if (launch.port !== undefined) {
    const speaks = launch.isPlain === true ? 'agent' : 'mcp'
    return linesFor(config, server, { address: '', port: launch.port, speaks }, typed)
  }
  const found = hardCodedPort(typed.rest, server.cwd)
  if (found === undefined) return []
  const { file, ...listens } = found
  return [
    `${file} seems to listen on port ${found.port}, whatever it is told.`,
    ...(await linesFor(config, server, listens, typed)),
  ]
}

/** The same of a server that was found listening there. */
export async function ownPortAdvice(
  config: Config,
  { server: name, details }: BerthEvents['session.closed'],
  typed: Typed,
): Promise<string[]> {
  const server = config.servers.find((candidate) => candidate.name === name)
  const listens = details?.listens as ListensElsewhere | undefined
  if (server === undefined || listens === undefined) return []
  return linesFor(config, server, listens, typed)
}

async function linesFor(
  { searchPath }: Config,
  { launch, name }: Server,
  listens: ListensElsewhere,
  typed: Typed,
): Promise<string[]> {
  if (launch.kind !== 'local') return []
  const keys = keysFor(listens, launch)
  const line = (all: typeof keys): string =>
    typed.rest === undefined
      ? `give the server ${name} ${shownKeys(all, launch.origin)}`
      : ['mcp-berth serve', shownKeys(all, launch.origin), ...again(typed, launch)].join(' ')
  const sandbox = { ...launch.sandbox, network: 'private' as const }
  const probe = await findSandboxFor({ ...launch, transport: 'http', sandbox }, searchPath)
  if (probe.available) return [`Many sessions at once:  ${line({ ...keys, ...ownNetwork })}`]
  return [
    ...(launch.port === listens.port ? [] : [`One session at a time:  ${line(keys)}`]),
    `Many sessions at once need a sandbox, which cannot be had here: ${probe.why}.`,
  ]
}

/** These are what the line says anew. */
const replaced = ['http', 'port', 'protocol', 'isolation', 'network']

function again({ values, rest = [] }: Typed, launch: Local): string[] {
  const options = Object.entries(values).flatMap(([name, value]): string[] => {
    if (replaced.includes(name)) return name === 'protocol' ? optionWords(launch) : []
    if (name === 'env') return (value as string[]).map((text) => `--env ${withoutValue(text)}`)
    if (Array.isArray(value)) return value.map((one) => `--${name} ${quoted(String(one))}`)
    if (typeof value === 'string') return [`--${name} ${quoted(value)}`]
    return value === true ? [`--${name}`] : []
  })
  // A word that looks like a secret is left out of what is shown.
  const command = launch.shown.includes('…') ? launch.shown : rest.map(quoted).join(' ')
  return [...options, '--', command]
}

const optionWords = ({ isPlain }: Local): string[] => (isPlain === true ? ['--protocol http'] : [])

const withoutValue = (variable: string): string => `${variable.slice(0, variable.indexOf('='))}=…`

const mostBytes = 256 * 1024

/**
 * A Python server that runs as AgentCore's documentation has it, by its text: what it does shows
 * only when its first session is opened.
 */
function hardCodedPort(
  words: readonly string[],
  cwd: string,
): (ListensElsewhere & { file: string }) | undefined {
  const script = words.find((word) => word.endsWith('.py'))
  if (script === undefined) return undefined
  const text = textOf(resolve(cwd, script))
  if (text === undefined || /["']PORT["']/.test(text)) return undefined
  const isAgent = /\bBedrockAgentCoreApp\s*\(/.test(text)
  const isHttp = /\btransport\s*=\s*["'](streamable-)?http["']/.test(text)
  const maySpeakStdio = /["']stdio["']|\.run\(\s*\)/.test(text)
  if (!isAgent && (!isHttp || maySpeakStdio)) return undefined
  const [, port = isAgent ? '8080' : '8000'] = /\bport\s*=\s*(\d{2,5})\b/.exec(text) ?? []
  const speaks = isAgent ? 'agent' : 'mcp'
  return { file: basename(script), address: '', port: Number(port), speaks }
}

function textOf(file: string): string | undefined {
  try {
    return statSync(file).size > mostBytes ? undefined : readFileSync(file, 'utf8')
  } catch {
    return undefined // not there, which is said elsewhere
  }
}
