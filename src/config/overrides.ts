import path from 'node:path'

import { checkShape, isMap, type Shape, type Tree } from './check.ts'
import type { Environment } from './environment.ts'
import { expandHome } from './folders.ts'
import { createProblems, didYouMean, type Path, type Problems } from './problems.ts'
import { overridable } from './schema.ts'

/** What the command line may say; it beats the environment, which beats the file. */
export interface Flags {
  host?: string | undefined
  listenPort?: string | number | undefined
  publicUrl?: string | undefined
  allowAnonymous?: string | undefined
  adminPort?: string | number | undefined
  stateDir?: string | undefined
  logLevel?: string | undefined
  logPretty?: string | boolean | undefined
  /** A bundle of all servers, at /mcp where nothing else is. */
  bundle?: boolean | undefined
}

const flagPaths: Readonly<Record<Exclude<keyof Flags, 'bundle'>, Path>> = {
  host: ['listen', 'host'],
  listenPort: ['listen', 'port'],
  publicUrl: ['listen', 'publicUrl'],
  allowAnonymous: ['allowAnonymous'],
  adminPort: ['admin', 'port'],
  stateDir: ['stateDir'],
  logLevel: ['log', 'level'],
  logPretty: ['log', 'pretty'],
}

/** Variables of that prefix that are no settings: what every worker is given, and of the CLI. */
const otherVariables = ['BERTH_SESSION_ID', 'BERTH_WORKSPACE', 'BERTH_DEBUG']

export interface OverrideInput {
  env: Environment
  flags?: Flags | undefined
  cwd: string
  homeDir: string
}

/** The tree of the file with `BERTH_*` variables and flags laid over it. */
export function withOverrides(
  tree: Tree,
  input: OverrideInput,
  problems: Problems,
  warnings: string[],
): Tree {
  const laid = structuredClone(tree)
  const leaves = new Map(leavesOf(overridable, []).map((leaf) => [variableOf(leaf.path), leaf]))
  const lay = (name: string, leaf: Leaf, written: string | number | boolean): void => {
    const value = coerced(leaf.shape, String(written))
    const own = createProblems()
    checkShape(leaf.shape, value, leaf.path, own)
    for (const problem of own.found) problems.add(name, `(${problem.path}) ${problem.message}`)
    if (own.found.length > 0) return
    const isFolder = leaf.path[0] === 'stateDir'
    put(
      laid,
      leaf.path,
      isFolder ? path.resolve(input.cwd, expandHome(String(value), input.homeDir)) : value,
    )
  }

  for (const [name, value] of Object.entries(input.env)) {
    if (!name.startsWith('BERTH_') || otherVariables.includes(name)) continue
    const leaf = leaves.get(name)
    if (leaf === undefined) {
      warnings.push(
        `The variable ${name} is no setting of Berth.${didYouMean(name, leaves.keys())}`,
      )
    } else if (value !== undefined && value !== '') lay(name, leaf, value)
  }
  for (const [flag, where] of Object.entries(flagPaths)) {
    const value = input.flags?.[flag as keyof Flags]
    const leaf = leaves.get(variableOf(where))
    if (value !== undefined && leaf !== undefined) lay('The command line', leaf, value)
  }
  return laid
}

/** `listen.publicUrl` → `BERTH_LISTEN_PUBLIC_URL`. */
export function variableOf(where: Path): string {
  const words = where.map((part) => String(part).replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2'))
  return `BERTH_${words.join('_').toUpperCase()}`
}

interface Leaf {
  path: Path
  shape: Shape
}

/** Every plain value and list of texts; maps of any key, and lists of maps, have no variable. */
function leavesOf(shape: Shape, where: Path): Leaf[] {
  if (shape.patternProperties !== undefined || shape.items?.properties !== undefined) return []
  if (shape.properties === undefined) return [{ path: where, shape }]
  return Object.entries(shape.properties).flatMap(([key, inner]) =>
    leavesOf(inner, [...where, key]),
  )
}

/** What a text of the environment means for that key; the text itself where it means nothing. */
function coerced(shape: Shape, text: string): unknown {
  const kinds = shape.anyOf ?? [shape]
  if (kinds.some(({ type }) => type === 'boolean')) {
    if (text === 'true' || text === '1') return true
    if (text === 'false' || text === '0') return false
  }
  if (kinds.some(({ type }) => type === 'integer') && /^-?\d+(\.\d+)?$/.test(text)) {
    return Number(text)
  }
  if (shape.items !== undefined) return text.split(',').map((part) => part.trim())
  return text
}

function put(tree: Tree, where: Path, value: unknown): void {
  const [first, ...rest] = where
  if (first === undefined) return
  if (rest.length === 0) tree[first] = value
  else {
    const inner = tree[first] ?? (tree[first] = {})
    if (isMap(inner)) put(inner, rest, value)
  }
}
