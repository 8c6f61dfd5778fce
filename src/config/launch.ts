import path from 'node:path'

import { isHeaderName, isHeaderValue } from '../ground/credentials.ts'
import type { Server } from '../sessions/server.ts'
import type { LocalLaunch, RemoteLaunch } from '../workers/driver.ts'
import { shownCommand, shownUrl } from './describe.ts'
import { createTaking, unfitValue, type Taking } from './credentials.ts'
import type { Entry, EntryContext } from './entry-context.ts'
import { inherited, isProgram, readEnvFile, unsetIn, withheldFrom } from './environment.ts'
import { codeOf, expandHome, isFolder, textReader } from './folders.ts'
import { splitHint } from './here.ts'
import { readLimits, readSandbox } from './isolation.ts'
import { fill, folderNames, type Scope } from './placeholders.ts'
import { readPreload } from './preload.ts'
import { didYouMean, listed, type Path } from './problems.ts'

/** What of a server comes from how it is started. */
export type Launched = Pick<Server, 'driver' | 'launch' | 'cwd' | 'env' | 'credentials'>

/** Placeholders filled, paths absolute, the environment whole. */
export function localLaunch(entry: Entry, context: EntryContext): Launched {
  const { options } = entry
  const { transport, port, path: endpoint, relay } = options
  const fileValues = envFileOf(entry, context)
  const files = new Set<string>()
  const scope = scopeOf(context, fileValues, files)
  const portText = port === undefined ? '${PORT}' : String(port)
  const withPort = transport === 'http' ? { ...scope, port: portText } : scope

  const cwd = folderOf(entry, context, scope)
  const written = options.command ?? ''
  const program = expandHome(filler(entry, context, scope)(written, 'command'), context.homeDir)
  const command = program.includes('/')
    ? path.resolve(cwd === 'session' ? context.base : cwd, program)
    : program
  const fillArg = filler(entry, context, withPort)
  const args = options.args.map((arg, index) => {
    const filled = fillArg(String(arg), 'args', index)
    // Of a command line a shell has made them already what they were meant to be.
    const isHome = !context.literal && /^~(\/|$)/.test(String(arg))
    return isHome ? expandHome(filled, context.homeDir) : filled
  })
  const taking = createTaking(entry, context)
  const env = environmentOf(entry, context, { fileValues, scope: withPort, taking })
  if (!isProgram(command, env.get('PATH'))) {
    context.warnings.push(missingProgram(entry, context, { program, env }))
  }
  const searchPath = env.get('PATH') ?? ''
  const preload = readPreload(entry, context, { command, args, searchPath })
  const launch: LocalLaunch = {
    kind: 'local',
    shown: shownCommand(written, options.args.map(String)),
    command,
    args,
    transport,
    path: endpoint,
    ...(options.protocol === 'http' ? { isPlain: true as const } : {}),
    relay,
    sessionsPerKeeper: options.sessionsPerKeeper,
    ...(port === undefined ? {} : { port }),
    limits: readLimits(entry, context),
    ...(preload === undefined ? {} : { preload }),
    sandbox: readSandbox(entry, context, {
      fill: filler(entry, context, scope),
      files: [envFilePath(entry, context), ...files],
    }),
    origin: {
      isCommandLine: context.literal,
      withheld: withheldFrom(context.env, env),
    },
  }
  const driver = options.isolation ?? 'process'
  const credentials = taking.credentials()
  return { driver, launch, cwd, env: Object.fromEntries(env), credentials }
}

/** What is said where a program is not there. */
function missingProgram(
  { name, options }: Entry,
  { literal }: EntryContext,
  { program, env }: { program: string; env: ReadonlyMap<string, string> },
): string {
  const shown = shownCommand(options.command ?? '', [])
  const searchPath = env.get('PATH')
  const isPath = program.includes('/')
  const said = literal
    ? `${shown} ${isPath ? 'does not exist, or cannot be started' : 'is not in PATH'}.`
    : `The server ${name} is started with ${shown}, but ${isPath ? 'there is no such program' : 'it is not in PATH'}.`
  const advice =
    splitHint(program, { searchPath, literal }) ||
    (isPath
      ? ''
      : didYouMean(
          program,
          usualPrograms.filter((one) => isProgram(one, searchPath)),
        ))
  return `${said}${advice}`
}

/** What servers are started with. */
const usualPrograms = ['python3', 'python', 'node', 'npx', 'uvx', 'uv', 'deno', 'bun', 'docker']

/** A remote server has no process: its folder is never used, and it gets no environment. */
export function remoteLaunch(entry: Entry, context: EntryContext): Launched {
  const { options, where } = entry
  const { problems } = context
  const scope = scopeOf(context, envFileOf(entry, context))
  const fillIn = filler(entry, context, scope)
  const before = problems.found.length
  const address = fillIn(options.url ?? '', 'url')
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (problems.found.length === before && !isUsable(url)) {
    problems.add(
      [...where, 'url'],
      'expected an http or https URL without a user name or password (those go into headers). Example: url: https://mcp.example.com/mcp',
    )
  }
  const taking = createTaking(entry, context)
  const seen = new Set<string>()
  const headers = new Map<string, string>()
  for (const [written, value] of Object.entries(options.headers)) {
    const name = written.toLowerCase()
    const text = taking.text('headers', written, String(value), scope)
    const isTwice = seen.has(name)
    const wrong = isTwice ? 'stands twice, in other capitals.' : headerProblem(name, text ?? '')
    if (wrong !== undefined) problems.add([...where, 'headers', written], wrong)
    seen.add(name)
    if (text !== undefined) headers.set(name, text)
  }
  const launch: RemoteLaunch = {
    kind: 'remote',
    shown: shownUrl(options.url ?? ''),
    url: url === undefined ? '' : url.href.replace(/#.*$/, ''),
    headers: Object.fromEntries(headers),
  }
  const credentials = taking.credentials()
  return { driver: 'remote', launch, cwd: context.base, env: {}, credentials }
}

function isUsable(url: URL | undefined): boolean {
  if (url === undefined || url.username !== '' || url.password !== '') return false
  return url.protocol === 'http:' || url.protocol === 'https:'
}

const ownHeaders = ['host', 'connection', 'content-length', 'transfer-encoding', 'mcp-session-id']

function headerProblem(name: string, value: string): string | undefined {
  if (!isHeaderName(name)) return 'is no name that a header can have.'
  if (ownHeaders.includes(name)) return 'is set by Berth itself; take it out.'
  return isHeaderValue(value) ? undefined : unfitValue
}

/** @param files takes the paths of the files that were read, for a sandbox to hide */
function scopeOf(
  context: EntryContext,
  fileValues: ReadonlyMap<string, string>,
  files = new Set<string>(),
): Scope {
  const { env, base, homeDir, literal } = context
  return {
    file: textReader({ base, homeDir, files }),
    variable: (name) => (Object.hasOwn(env, name) ? env[name] : undefined) ?? fileValues.get(name),
    folders: folderNames(base, homeDir),
    port: undefined,
    literal,
  }
}

/** Fills the text of one key of the entry; what cannot be filled is a problem of that key. */
function filler({ where }: Entry, { problems }: EntryContext, scope: Scope) {
  return (text: string, ...key: Path): string =>
    fill(text, scope, (why) => problems.add([...where, ...key], why))
}

function envFilePath(entry: Entry, context: EntryContext): string | undefined {
  const { envFile } = entry.options
  if (envFile === undefined) return undefined
  const name = filler(entry, context, scopeOf(context, new Map()))(envFile, 'envFile')
  return path.resolve(context.base, expandHome(name, context.homeDir))
}

function envFileOf(entry: Entry, context: EntryContext): ReadonlyMap<string, string> {
  const { envFile } = entry.options
  if (envFile === undefined) return new Map()
  const { problems, base } = context
  const at = [...entry.where, 'envFile']
  const before = problems.found.length
  const file = envFilePath(entry, context)
  if (file === undefined || problems.found.length > before) return new Map()
  try {
    const read = readEnvFile(file)
    if ('values' in read) return read.values
    problems.add(at, `line ${read.badLine} of ${envFile} is not NAME=value.`)
  } catch (error) {
    // The text of this error has the whole path, into which variables may have gone.
    problems.add(at, `${envFile} cannot be read (${codeOf(error)}), seen from ${base}.`)
  }
  return new Map()
}

function folderOf(entry: Entry, context: EntryContext, scope: Scope): string {
  const { cwd } = entry.options
  const { problems, base, homeDir } = context
  if (cwd === undefined || cwd === 'session') return cwd ?? base
  const before = problems.found.length
  const filled = filler(entry, context, scope)(cwd, 'cwd')
  const folder = path.resolve(base, expandHome(filled, homeDir))
  if (problems.found.length === before && !isFolder(folder)) {
    problems.add([...entry.where, 'cwd'], `there is no folder ${cwd} (seen from ${base}).`)
  }
  return folder
}

/** Every session is given its own of these. */
const reserved = ['BERTH_SESSION_ID', 'BERTH_WORKSPACE', 'TMPDIR']

/** What is inherited, then `envFile`, then `env`, without what the session and the driver set. */
function environmentOf(
  entry: Entry,
  context: EntryContext,
  {
    fileValues,
    scope,
    taking,
  }: { fileValues: ReadonlyMap<string, string>; scope: Scope; taking: Taking },
): Map<string, string> {
  const { name, options, where } = entry
  const env = inherited(context.env, options.passEnv)
  for (const [variable, value] of fileValues) env.set(variable, value)
  for (const [variable, value] of Object.entries(options.env)) {
    const at = [...where, 'env', variable]
    const isSession = reserved.includes(variable)
    const text =
      value === null || isSession ? undefined : taking.text('env', variable, String(value), scope)
    if (!/^[^=\0]+$/.test(variable)) {
      context.problems.add(at, 'is no name that a variable can have.')
    } else if (variable === 'PORT' && scope.port !== undefined && value !== null) {
      if (text !== scope.port) context.problems.add(at, portText)
    }
    if (text === undefined) env.delete(variable)
    else env.set(variable, text)
  }
  warnOfUnset(options, env, context)
  const taken = reserved.filter((variable) => Object.hasOwn(options.env, variable))
  if (taken.length > 0) {
    context.warnings.push(
      `The server ${name} sets ${listed(taken)} in env, but every session is given its own.`,
    )
  }
  for (const variable of reserved) env.delete(variable)
  if (scope.port !== undefined) env.delete('PORT')
  return env
}

/** Of `defaults` once, however many servers have it from there. */
function warnOfUnset(
  { passEnv, env: own }: Entry['options'],
  given: ReadonlyMap<string, string>,
  { env, warnings }: EntryContext,
): void {
  for (const name of unsetIn(passEnv, env)) {
    if (given.has(name) || Object.hasOwn(own, name)) continue
    const text = `passEnv names ${name}, which is not set where Berth was started.`
    if (!warnings.includes(text)) warnings.push(text)
  }
}

const portText =
  'Berth sets PORT for a server with transport: http. For a port that the server insists on write port: NUMBER beside transport.'
