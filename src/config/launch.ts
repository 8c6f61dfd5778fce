import path from 'node:path'

import type { LocalLaunch, RemoteLaunch } from '../workers/driver.ts'
import { shownCommand, shownUrl } from './describe.ts'
import type { Draft, EntryContext, ServerOptions } from './entry.ts'
import { inherited, isProgram, readEnvFile } from './environment.ts'
import { expandHome, isFolder } from './folders.ts'
import { fill, folderNames, type Scope } from './placeholders.ts'
import { listed, type Path } from './problems.ts'

/** What of a Draft comes from how the server is started. */
export type Launched = Pick<Draft, 'driver' | 'launch' | 'cwd' | 'env'>

/** Placeholders filled, paths absolute, the environment whole. */
export function localLaunch(
  name: string,
  options: ServerOptions,
  where: Path,
  context: EntryContext,
): Launched {
  const { problems, warnings, base } = context
  const { transport, port, path: endpoint, relay } = options
  const fileValues = envFileOf(options, where, context)
  const plain = scopeOf(context, fileValues, undefined)
  const portText = port === undefined ? '${PORT}' : String(port)
  const withPort = { ...plain, port: transport === 'http' ? portText : undefined }
  const filled = (text: string, scope: Scope, ...key: Path): string =>
    fill(text, scope, (why) => problems.add([...where, ...key], why))

  const cwd = folderOf(options, plain, where, context)
  const program = expandHome(filled(options.command ?? '', plain, 'command'), context.homeDir)
  const command = program.includes('/')
    ? path.resolve(cwd === 'session' ? base : cwd, program)
    : program
  const args = options.args.map((arg, index) => filled(String(arg), withPort, 'args', index))

  const env = inherited(context.env, options.passEnv)
  for (const [variable, value] of fileValues) env.set(variable, value)
  for (const [variable, value] of Object.entries(options.env)) {
    if (!/^[^=\0]+$/.test(variable))
      problems.add([...where, 'env', variable], 'is no name that a variable can have.')
    if (value === null) env.delete(variable)
    else env.set(variable, filled(String(value), withPort, 'env', variable))
  }
  settlePort(options, env, portText, where, context)
  dropReserved(name, options, env, warnings)

  if (!isProgram(command, env.get('PATH'))) {
    const place = program.includes('/')
      ? 'there is no such program (any more, or yet)'
      : 'it is not in PATH'
    warnings.push(
      `The server ${name} is started with ${options.command ?? ''}, but ${place}. mcp-berth check --start tells more.`,
    )
  }
  const launch: LocalLaunch = {
    kind: 'local',
    shown: shownCommand(options.command ?? '', options.args.map(String)),
    command,
    args,
    transport,
    path: endpoint,
    relay,
    ...(port === undefined ? {} : { port }),
  }
  return { driver: 'process', launch, cwd, env: Object.fromEntries(env) }
}

/** A remote server has no process: its folder is never used, and it gets no environment. */
export function remoteLaunch(
  _: string,
  options: ServerOptions,
  where: Path,
  context: EntryContext,
): Launched {
  const { problems } = context
  const scope = scopeOf(context, envFileOf(options, where, context), undefined)
  const before = problems.found.length
  const address = fill(options.url ?? '', scope, (why) => problems.add([...where, 'url'], why))
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (problems.found.length === before && !isUsable(url)) {
    problems.add(
      [...where, 'url'],
      'expected an http or https URL without a user name or password (those go into headers). Example: url: https://mcp.example.com/mcp',
    )
  }
  const headers = new Map<string, string>()
  for (const [header, value] of Object.entries(options.headers)) {
    const at = [...where, 'headers', header]
    const text = fill(String(value), scope, (why) => problems.add(at, why))
    if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(header))
      problems.add(at, 'is no name that a header can have.')
    else if (ownHeaders.includes(header.toLowerCase()))
      problems.add(at, 'is set by Berth itself; take it out.')
    else if (headers.has(header.toLowerCase())) problems.add(at, 'stands twice, in other capitals.')
    else if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(text)) {
      problems.add(at, 'its value has a character that no header may have, such as a line break.')
    }
    headers.set(header.toLowerCase(), text)
  }
  const launch: RemoteLaunch = {
    kind: 'remote',
    shown: shownUrl(options.url ?? ''),
    url: url === undefined ? '' : url.href.replace(/#.*$/, ''),
    headers: Object.fromEntries(headers),
  }
  return {
    driver: 'remote',
    launch,
    cwd: context.base,
    env: {},
  }
}

const ownHeaders = ['host', 'connection', 'content-length', 'transfer-encoding', 'mcp-session-id']

function isUsable(url: URL | undefined): boolean {
  if (url === undefined || url.username !== '' || url.password !== '') return false
  return url.protocol === 'http:' || url.protocol === 'https:'
}

function scopeOf(
  context: EntryContext,
  fileValues: ReadonlyMap<string, string>,
  port: string | undefined,
): Scope {
  return {
    variable: (name) => context.env[name] ?? fileValues.get(name),
    folders: folderNames(context.base, context.homeDir),
    port,
    literal: context.literal,
  }
}

function envFileOf(
  options: ServerOptions,
  where: Path,
  context: EntryContext,
): ReadonlyMap<string, string> {
  if (options.envFile === undefined) return new Map()
  const at = [...where, 'envFile']
  const { problems, base, homeDir } = context
  const before = problems.found.length
  const name = fill(options.envFile, scopeOf(context, new Map(), undefined), (why) =>
    problems.add(at, why),
  )
  if (problems.found.length > before) return new Map()
  try {
    const read = readEnvFile(path.resolve(base, expandHome(name, homeDir)))
    if ('values' in read) return read.values
    problems.add(at, `line ${read.badLine} of ${options.envFile} is not NAME=value.`)
  } catch (error) {
    problems.add(at, `${options.envFile} cannot be read (${codeOf(error)}), seen from ${base}.`)
  }
  return new Map()
}

/** The text of such an error has the whole path, into which variables may have gone. */
const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason'

function folderOf(
  options: ServerOptions,
  scope: Scope,
  where: Path,
  context: EntryContext,
): string {
  const { problems, base, homeDir } = context
  if (options.cwd === undefined || options.cwd === 'session') return options.cwd ?? base
  const at = [...where, 'cwd']
  const before = problems.found.length
  const filled = fill(options.cwd, scope, (why) => problems.add(at, why))
  const folder = path.resolve(base, expandHome(filled, homeDir))
  if (problems.found.length === before && !isFolder(folder)) {
    problems.add(at, `there is no folder ${options.cwd} (seen from ${base}).`)
  }
  return folder
}

/** The driver puts the port of an http server into PORT; nobody else may. */
function settlePort(
  options: ServerOptions,
  env: Map<string, string>,
  portText: string,
  where: Path,
  { problems }: EntryContext,
): void {
  if (options.transport !== 'http') return
  const own = options.env.PORT
  if (own !== undefined && own !== null && env.get('PORT') !== portText) {
    problems.add(
      [...where, 'env', 'PORT'],
      'Berth sets PORT for a server with transport: http. For a port that the server insists on write port: NUMBER beside transport.',
    )
  }
  env.delete('PORT')
}

/** Every session has its own of these. */
const reserved = ['BERTH_SESSION_ID', 'BERTH_WORKSPACE', 'TMPDIR']

function dropReserved(
  name: string,
  options: ServerOptions,
  env: Map<string, string>,
  warnings: string[],
): void {
  const taken = reserved.filter((variable) => Object.hasOwn(options.env, variable))
  if (taken.length > 0) {
    warnings.push(
      `The server ${name} sets ${listed(taken)} in env, but every session is given its own.`,
    )
  }
  for (const variable of reserved) env.delete(variable)
}
