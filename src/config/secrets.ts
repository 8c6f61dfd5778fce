import { realpathSync } from 'node:fs'
import path from 'node:path'

import type { Static } from 'typebox'

import type {
  AuthorizerSetting,
  SecretCommand,
  SecretsConfig,
  secretOptions,
} from '../auth/options.ts'
import { credentialsOf } from '../ground/credentials.ts'
import { createSecretsReader } from '../ground/secrets-file.ts'
import type { Secrets } from '../ground/secrets-file.ts'
import type { Server } from '../sessions/server.ts'
import type { Environment } from './environment.ts'
import { isProgram } from './environment.ts'
import { expandHome } from './folders.ts'
import { listed, type Problems } from './problems.ts'

export interface SecretsContext {
  /** Folder that relative paths start from. */
  base: string
  homeDir: string
  env: Environment
  problems: Problems
}

/** What the servers may take from, as it is when the configuration is loaded. */
export interface ReadSecrets {
  config: SecretsConfig
  /** To be hidden from workers. */
  files: string[]
  hasShared(name: string): boolean
  /** Whether secrets of users can be looked up at all. */
  hasUsers: boolean
}

/** What is wrong goes into `problems`. */
export function readSecretOptions(
  options: Static<typeof secretOptions>,
  context: SecretsContext,
): ReadSecrets {
  const { userKey } = options
  const { base, homeDir, problems } = context
  const file =
    options.file === undefined ? undefined : path.resolve(base, expandHome(options.file, homeDir))
  const read = file === undefined ? undefined : readNow(file, problems)
  // Of a file that is broken it is not known.
  const isInFile = (name: string): boolean => file !== undefined && (read?.shared.has(name) ?? true)
  const shared = sharedOf(options.fromEnv, isInFile, context)
  const command = commandOf(options, context)
  return {
    config: { file, userKey, shared, command },
    files: file === undefined ? [] : [...new Set([file, realOf(file)])],
    hasShared: (name) =>
      Object.hasOwn(shared, name) || options.fromEnv.includes(name) || isInFile(name),
    hasUsers: file !== undefined || options.command !== undefined,
  }
}

function readNow(file: string, problems: Problems): Secrets | undefined {
  const read = createSecretsReader(file)()
  if (!('problem' in read)) return read
  problems.add('secrets.file', read.problem)
  return undefined
}

function realOf(file: string): string {
  try {
    return realpathSync(file)
  } catch {
    return file // it cannot be read either, which is a problem already
  }
}

function sharedOf(
  names: readonly string[],
  isInFile: (name: string) => boolean,
  { env, problems }: SecretsContext,
) {
  const values = names.flatMap((name, index): [string, string][] => {
    const value = Object.hasOwn(env, name) ? env[name] : undefined
    if (value !== undefined) return [[name, value]]
    if (!isInFile(name)) {
      const place = 'secrets.file has it under shared'
      const problem = `the variable ${name} is not set, and no ${place}.`
      problems.add(['secrets', 'fromEnv', index], problem)
    }
    return []
  })
  return Object.fromEntries(values)
}

function commandOf(
  { command, commandTimeoutMs: timeoutMs }: Static<typeof secretOptions>,
  { base, homeDir, env, problems }: SecretsContext,
): SecretCommand | undefined {
  if (command === undefined) return undefined
  const [written = '', ...args] = command
  const expanded = expandHome(written, homeDir)
  const program = expanded.includes('/') ? path.resolve(base, expanded) : expanded
  if (!isProgram(program, env.PATH)) {
    const place = expanded.includes('/') ? `seen from ${base}` : 'in PATH'
    problems.add('secrets.command', `there is no program ${written} that can be run, ${place}.`)
  }
  // It is the operator's own program, so it gets what the gateway has, but for Berth's settings.
  const own = Object.entries(env).filter(([name]) => !name.startsWith('BERTH_'))
  const variables = own.flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, value]],
  )
  return { words: [program, ...args], cwd: base, env: Object.fromEntries(variables), timeoutMs }
}

/** Where the secrets of one user could come to another. */
export function warnOfSecrets(
  servers: readonly Server[],
  settings: Readonly<Record<string, AuthorizerSetting>>,
  { config: { file, userKey } }: ReadSecrets,
  warnings: string[],
): void {
  if (file === undefined) return
  const open = servers
    .filter(({ launch, driver }) => launch.kind === 'local' && driver !== 'sandbox')
    .map(({ name }) => name)
  if (open.length > 0) {
    warnings.push(
      `Workers of ${listed(open)} run as the user of the gateway, and so can read all of secrets.file. With isolation: sandbox they cannot.`,
    )
  }
  const taking = servers.filter(({ credentials }) =>
    credentialsOf(credentials).some(({ kind }) => kind === 'userSecret'),
  )
  const providers = taking.map(({ name }) => {
    const setting = settings[name] ?? 'none'
    if (typeof setting === 'string') return setting
    return `${setting.customJWTAuthorizer?.discoveryUrl ?? ''} ${setting.apiKeys ?? ''}`
  })
  if (new Set(providers).size > 1) {
    warnings.push(
      `${listed(taking.map(({ name }) => name))} have users of several providers, and in secrets.file a user is known by ${userKey} alone: two with the same one share their secrets. A secrets.command is told the issuer, too.`,
    )
  }
}
