import { readFileSync, statSync } from 'node:fs'

import { isAlias, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml'

import { decodeText } from './text.ts'

/** What `secrets.file` holds: values for everybody, and values of each user, by name. */
export interface Secrets {
  readonly shared: ReadonlyMap<string, string>
  readonly users: ReadonlyMap<string, ReadonlyMap<string, string>>
}

/** Why it cannot be used, and what to do; nothing of what stands in it. */
export interface BadSecrets {
  readonly problem: string
}

/** Reads a file of secrets, anew if it has changed since the last time. */
export type SecretsReader = () => Secrets | BadSecrets

export function createSecretsReader(file: string): SecretsReader {
  let seen = ''
  let known: Secrets | BadSecrets = { problem: 'has not been read.' }
  return () => {
    try {
      const stat = statSync(file)
      const stamp = [stat.mtimeMs, stat.ctimeMs, stat.size, stat.ino, stat.mode].join()
      if (stamp === seen) return known
      known = openToOthers(file, stat.mode) ?? readSecrets(decodeText(readFileSync(file)))
      seen = stamp
      return known
    } catch (thrown) {
      const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'no reason'
      return { problem: `cannot be read (${code}).` }
    }
  }
}

/** Why a file that is to be for its owner alone is not; undefined where it is. */
export function openToOthers(file: string, mode: number): BadSecrets | undefined {
  if ((mode & 0o077) === 0) return undefined
  const quoted = /^[\w@%+=:,./-]+$/.test(file)
    ? file
    : `'${file.replaceAll("'", String.raw`'\''`)}'`
  return {
    problem: `is open to others (mode ${(mode & 0o777).toString(8)}). Run: chmod 600 ${quoted}`,
  }
}

const shape = 'shared: { NAME: value } and users: { alice: { NAME: value } }, all values texts'

/** YAML or JSON; a value is the text that stands there, so that 0042 stays 0042. */
export function readSecrets(text: string): Secrets | BadSecrets {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    schema: 'failsafe',
    lineCounter: lines,
    logLevel: 'error',
    prettyErrors: false,
  })
  const lineAt = (offset: number): number => lines.linePos(offset).line
  const [fault] = [...document.errors, ...document.warnings]
  // The message of a fault may quote the file.
  if (fault !== undefined) return { problem: `is no YAML or JSON in line ${lineAt(fault.pos[0])}.` }

  let wrong: number | undefined
  const refuse = (node: unknown): void => {
    wrong ??= lineAt((isNode(node) ? node.range?.[0] : undefined) ?? 0)
  }
  const followed = (node: unknown): unknown => {
    if (!isAlias(node)) return node
    const found = node.resolve(document)
    if (found === undefined) refuse(node)
    return found
  }
  const textOf = (node: unknown): string => {
    const found = followed(node) ?? null
    if (found === null) return ''
    if (isScalar(found) && typeof found.value === 'string') return found.value
    refuse(found)
    return ''
  }
  /** A key under which everything is a comment has an empty text. */
  const entriesOf = (node: unknown): [string, unknown][] => {
    const found = followed(node) ?? null
    if (isMap(found)) return found.items.map(({ key, value }) => [textOf(key), value])
    if (found !== null && !(isScalar(found) && found.value === '')) refuse(found)
    return []
  }
  const textsOf = (node: unknown): ReadonlyMap<string, string> =>
    new Map(entriesOf(node).map(([name, value]) => [name, textOf(value)]))

  const top = new Map(entriesOf(document.contents))
  for (const [key, node] of top) if (key !== 'shared' && key !== 'users') refuse(node)
  const shared = textsOf(top.get('shared'))
  const users = new Map(entriesOf(top.get('users')).map(([user, own]) => [user, textsOf(own)]))
  if (wrong === undefined) return { shared, users }
  return { problem: `is not as it should be in line ${wrong}: expected ${shape}.` }
}
