import { readFileSync } from 'node:fs'

import { isExecutable, programIn } from '../ground/programs.ts'
import { decodeText } from '../ground/text.ts'

/** Variables of the gateway that every worker gets. Never the rest: secrets are among them. */
const always = [
  ...['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LC_*', 'TZ', 'TERM'],
  ...['http_proxy', 'https_proxy', 'no_proxy', 'all_proxy'],
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'ALL_PROXY'],
  ...['SSL_CERT_FILE', 'SSL_CERT_DIR', 'NODE_EXTRA_CA_CERTS'],
  ...['REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE'],
]

/**
 * What every worker gets unless its configuration says otherwise. Python would keep what it prints
 * until kilobytes of it are there, and to all else the variable means nothing.
 */
const unlessSet: readonly [string, string][] = [['PYTHONUNBUFFERED', '1']]

export type Environment = Readonly<Record<string, string | undefined>>

/** What a worker gets by itself: the usual variables and those that `passEnv` names (`AWS_*`). */
export function inherited(env: Environment, passEnv: readonly string[]): Map<string, string> {
  const patterns = [...always, ...passEnv]
  const passes = (name: string): boolean =>
    patterns.some((pattern) =>
      pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
    )
  const passed = new Map(unlessSet)
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && !name.startsWith('BERTH_') && passes(name)) passed.set(name, value)
  }
  return passed
}

/** The names in a `passEnv` that no variable has. `AWS_*` may well stand for none. */
export function unsetIn(passEnv: unknown, env: Environment): string[] {
  const names: unknown[] = Array.isArray(passEnv) ? passEnv : []
  return names.filter(
    (name): name is string =>
      typeof name === 'string' && /^[A-Za-z_]\w*$/.test(name) && env[name] === undefined,
  )
}

/** What every shell sets for itself, and what npm sets for its scripts. */
const noise = /^(PWD|OLDPWD|SHLVL|_|npm_.*|BERTH_.*)$/

/** Names of the variables of the gateway that a worker does not get. */
export function withheldFrom(env: Environment, handed: ReadonlyMap<string, string>): string[] {
  return Object.keys(env).filter((name) => !handed.has(name) && !noise.test(name))
}

/** Variables of an `envFile`, or the line that cannot be read. */
export type EnvFile = { values: Map<string, string> } | { badLine: number }

/**
 * Reads `NAME=value` lines as the common dotenv readers do: `export` before, `#` comments, single
 * quotes as written, double quotes with `\n`, `\t`, `\"` and over several lines.
 *
 * @throws the error of the file system
 */
export function readEnvFile(file: string): EnvFile {
  return parseEnvText(decodeText(readFileSync(file)))
}

const blank = /[^\S\n]*(?:#[^\n]*)?(?:\n|$)/y
const assignment =
  /[^\S\n]*(?:export[^\S\n]+)?([A-Za-z_][\w.-]*)[^\S\n]*=[^\S\n]*(?:"((?:\\[\s\S]|[^"\\])*)"|'([^']*)'|`([^`]*)`|((?!["'`#])(?:(?![^\S\n]#)[^\n])*))?[^\S\n]*(?:#[^\n]*)?(?:\n|$)/y

export function parseEnvText(source: string): EnvFile {
  const text = source.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n')
  const values = new Map<string, string>()
  let at = 0
  while (at < text.length) {
    blank.lastIndex = assignment.lastIndex = at
    if (blank.exec(text) !== null) {
      at = blank.lastIndex
      continue
    }
    const match = assignment.exec(text)
    if (match === null) return { badLine: text.slice(0, at).split('\n').length }
    const [, name = '', double, single, backtick, bare] = match
    values.set(
      name,
      double === undefined ? (single ?? backtick ?? bare?.trim() ?? '') : unescaped(double),
    )
    at = assignment.lastIndex
  }
  return { values }
}

function unescaped(text: string): string {
  const meant: Record<string, string> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', $: '$' }
  return text.replaceAll(/\\([\s\S])/g, (whole, char: string) => meant[char] ?? whole)
}

/** Whether a program of that name can be started: a path, or a name in `PATH`. */
export function isProgram(command: string, searchPath: string | undefined): boolean {
  if (command.includes('/')) return isExecutable(command)
  return programIn(command, searchPath ?? '') !== undefined
}
