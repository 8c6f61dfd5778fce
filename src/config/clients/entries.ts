import { isMap, type Tree } from '../check.ts'
import type { Environment } from '../environment.ts'
import type { Client, Dialect } from './marks.ts'

/** Names that some clients have for `url`, whichever file they stand in. */
const urlNames = ['httpUrl', 'serverUrl']

/**
 * An entry of another client in the words of Berth. What has no word here stays as it is, and is
 * named in a warning later.
 *
 * @param client undefined: the file is Berth's own, or nobody knows whose
 */
export function inOurWords(raw: unknown, client: Client | undefined, env: Environment): unknown {
  if (!isMap(raw)) return raw
  const entry = withoutNulls(raw)
  for (const name of urlNames) rename(entry, name, 'url')
  if (typeof entry.isActive === 'boolean') {
    entry.disabled ??= !entry.isActive
    delete entry.isActive
  }
  if (client === undefined) return entry
  rename(entry, 'uri', 'url')
  rename(entry, 'cmd', 'command')
  rename(entry, 'environment', 'env')
  rename(entry, 'envs', 'env')
  if (isMap(entry.command)) {
    const { path, args, env: variables } = withoutNulls(entry.command)
    entry.command = path
    entry.args ??= args
    entry.env ??= variables
  }
  if (Array.isArray(entry.command)) {
    const [command, ...args] = entry.command as unknown[]
    entry.command = command
    entry.args = [...args, ...(Array.isArray(entry.args) ? (entry.args as unknown[]) : [])]
  }
  if (entry.type === 'remote') entry.type = 'http'
  if (entry.source === 'custom') delete entry.source
  for (const label of labels) if (typeof entry[label] === 'string') entry[label] = undefined
  return withoutNulls(client.dialect === undefined ? entry : filled(entry, client.dialect, env))
}

/** What is for people to read. */
const labels = ['name', 'description', 'display_name']

/** A key without a value is a key that is not there: `env: null`, or one with comments only. */
export function withoutNulls(map: Tree): Tree {
  return Object.fromEntries(
    Object.entries(map).filter(([, value]) => value !== null && value !== undefined),
  )
}

function rename(entry: Tree, from: string, to: string): void {
  if (!(from in entry) || to in entry) return
  entry[to] = entry[from]
  Reflect.deleteProperty(entry, from)
}

const textKeys = ['command', 'args', 'env', 'url', 'headers', 'cwd']

function filled(entry: Tree, dialect: Dialect, env: Environment): Tree {
  const translate = (value: unknown): unknown => {
    if (typeof value === 'string') return translated(value, dialect, env)
    if (Array.isArray(value)) return value.map(translate)
    if (!isMap(value)) return value
    return Object.fromEntries(Object.entries(value).map(([key, text]) => [key, translate(text)]))
  }
  const own = Object.entries(entry).map(([key, value]): [string, unknown] => [
    key,
    textKeys.includes(key) ? translate(value) : value,
  ])
  return Object.fromEntries(own)
}

function translated(text: string, dialect: Dialect, env: Environment): string {
  switch (dialect) {
    case 'braces':
      return text
        .replaceAll(/(?<!\$)\{env:([^{}]+)\}/g, '${$1}')
        .replaceAll(/(?<!\$)\{file:([^{}]+)\}/g, '${file:$1}')
    case 'dollar':
      // One that is not set may as well be a part of a password.
      return text.replaceAll(/(?<![\\$])\$([A-Za-z_]\w*)/g, (whole, name: string) =>
        env[name] === undefined ? whole : `\${${name}}`,
      )
    case 'secrets':
      return text.replaceAll(/\$\{\{\s*(?:secrets|inputs)\.([A-Za-z_]\w*)\s*\}\}/g, '${$1}')
    case 'mustache':
      return text
  }
}

/** Places whose texts look as if another client would fill them, which Berth does not. */
export function unfilledPlaces(entry: Tree): string[] {
  return ['env', 'headers'].flatMap((key) =>
    Object.entries(isMap(entry[key]) ? entry[key] : {})
      .filter(([, text]) => typeof text === 'string' && looksUnfilled.test(text))
      .map(([name]) => `${key}.${name}`),
  )
}

const looksUnfilled = /^(Bearer )?\$[A-Z_][A-Z0-9_]*$|\{\{[^{}]+\}\}|(?<!\$)\{(env|file):[^{}]+\}/
