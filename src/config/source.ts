import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'

import {
  isNode,
  isPair,
  isScalar,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Scalar,
  type YAMLError,
} from 'yaml'

import { messageOf } from '../ground/errors.ts'
import { isMap, type Tree } from './check.ts'
import type { Problems } from './problems.ts'

/** What is looked for, in this order, when neither a file nor a command was given. */
export const usualFiles = [
  'berth.yaml',
  'berth.yml',
  'berth.json',
  '.mcp.json',
  'mcp.json',
  '.vscode/mcp.json',
  '.cursor/mcp.json',
]

export interface SourceInput {
  /** How the command that is run takes a configuration, for the message. Default: as `serve` does. */
  waysToGive?: string | undefined
  file?: string | undefined
  command?: readonly string[] | undefined
  /** With `command`: the server speaks HTTP on `$PORT`. */
  http?: boolean | undefined
  /** With `command`: it speaks HTTP on this port. */
  port?: number | undefined
  cwd: string
}

/** Where the configuration came from, and what stands there, unchecked. */
export interface Source {
  file: string | undefined
  /** For the first line of an error. */
  name: string
  /** The folder of the file; the project, for a file in `.vscode/` or `.cursor/`. */
  base: string
  /** Whether a shell has filled the placeholders already, all but `${PORT}`. */
  literal: boolean
  tree: Tree
}

export function readSource(input: SourceInput, problems: Problems): Source {
  const { waysToGive = 'a file (serve --config FILE) or a command (serve -- COMMAND)' } = input
  if (input.command !== undefined) return fromCommand(input, input.command, problems)
  const file = findFile(input)
  if (file === undefined) {
    problems.add(
      '',
      `there is no configuration: give ${waysToGive}, or put one of ${usualFiles.join(', ')} into this folder.`,
    )
    return { file, name: 'The configuration', base: input.cwd, literal: false, tree: {} }
  }
  const folder = path.dirname(file)
  const inEditorFolder = ['.vscode', '.cursor'].includes(path.basename(folder))
  return {
    file,
    name: file,
    base: inEditorFolder ? path.dirname(folder) : folder,
    literal: false,
    tree: readTree(file, problems),
  }
}

function findFile({ file, cwd }: SourceInput): string | undefined {
  if (file !== undefined) return path.resolve(cwd, file)
  return usualFiles.map((name) => path.join(cwd, name)).find((name) => existsSync(name))
}

function fromCommand(input: SourceInput, words: readonly string[], problems: Problems): Source {
  const [command, ...args] = words
  if (input.file !== undefined) {
    problems.add('', 'give either a file or a command after --, not both.')
  }
  if (command === undefined || command === '') {
    problems.add('', 'there is no command after --. Example: serve -- python3 server.py')
  }
  const isHttp = input.http === true || input.port !== undefined
  const server = {
    command,
    args,
    ...(isHttp ? { transport: 'http' } : {}),
    ...(input.port === undefined ? {} : { port: input.port }),
  }
  return {
    file: undefined,
    name: 'The command line',
    base: input.cwd,
    literal: true,
    tree: { mcpServers: { server } },
  }
}

function readTree(file: string, problems: Problems): Tree {
  const text = readText(file, problems)
  if (text === undefined) return {}
  const isJson = /\.jsonc?$/.test(file)
  const lines = new LineCounter()
  const document = parseDocument(isJson ? withoutComments(text) : text, {
    lineCounter: lines,
    logLevel: 'error',
    merge: true,
    prettyErrors: false,
  })
  const faults = [...document.errors, ...document.warnings]
  reportSyntax(faults, lines, isJson, problems)
  if (faults.length > 0) return {}
  keepTexts(document)
  const tree = toValue(document, problems)
  if (tree === undefined) return {}
  if (isMap(tree)) return tree
  problems.add(
    '',
    `${isJson ? 'a JSON object' : 'a map (key: value)'} is expected, with mcpServers.`,
  )
  return {}
}

function readText(file: string, problems: Problems): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT') problems.add('', 'there is no such file.')
    else if (code === 'EISDIR') problems.add('', 'this is a folder; name the file in it.')
    else problems.add('', `it cannot be read: ${messageOf(error)}`)
    return undefined
  }
}

/** Blanks out `//` and block comments as VS Code writes them; every line and column stays. */
function withoutComments(text: string): string {
  return text.replaceAll(
    /("(?:\\.|[^"\\\n])*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g,
    (match, quoted: string | undefined) => quoted ?? match.replaceAll(/[^\n]/g, ' '),
  )
}

/** One fault a line: what follows the first on a line mostly follows from it. */
function reportSyntax(
  faults: readonly YAMLError[],
  lines: LineCounter,
  isJson: boolean,
  problems: Problems,
): void {
  const seen = new Set<number>()
  for (const fault of faults) {
    const { line, col } = lines.linePos(fault.pos[0])
    if (seen.has(line)) continue
    seen.add(line)
    problems.add(`line ${line}, column ${col}`, `${syntaxText(fault, isJson)}.`)
  }
}

/** Words for the faults that the library would describe by quoting the file, which may hold secrets. */
const syntaxTexts: Partial<Record<YAMLError['code'], string>> = {
  DUPLICATE_KEY: 'this key stands twice in one map',
  BAD_DQ_ESCAPE: 'a text in double quotes has no such escape; a backslash is written \\\\',
  TAG_RESOLVE_FAILED: 'a text that begins with ! needs quotes',
  BAD_ALIAS: 'a text that begins with & or * needs quotes',
  BAD_SCALAR_START: 'a text that begins with @, ` or % needs quotes',
  MULTIPLE_DOCS: 'a second document begins here, but one file is one document',
}
const missingInJson = 'a comma, colon, quote or bracket is missing or too many, here or before'
const quotesNothing: YAMLError['code'][] = [
  ...(['BLOCK_IN_FLOW', 'BAD_INDENT', 'MISSING_CHAR', 'TAB_AS_INDENT'] as const),
  ...(['MULTILINE_IMPLICIT_KEY', 'BLOCK_AS_IMPLICIT_KEY'] as const),
]

function syntaxText({ code, message }: YAMLError, isJson: boolean): string {
  const own = syntaxTexts[code]
  if (own !== undefined) return own
  if (isJson) return missingInJson
  return quotesNothing.includes(code) ? message : 'this is not valid YAML'
}

const textKeys: readonly unknown[] = ['args', 'env', 'headers']

/** Keeps what is a text anyway as it was written: a version 1.10 is not 1.1, a PIN 0042 not 42. */
function keepTexts(document: Document): void {
  visit(document, {
    Pair(_, pair, ancestors) {
      const keys = [...ancestors, pair]
        .filter(isPair)
        .map(({ key }) => (isScalar(key) ? key.value : ''))
      const depth = keys[0] === 'defaults' ? 1 : 2
      if (keys.length <= depth) return undefined
      if (textKeys.includes(keys[depth]) && isNode(pair.value)) {
        visit(pair.value, { Scalar: keepText })
      }
      return visit.SKIP
    },
  })
}

function keepText(position: unknown, node: Scalar): void {
  const isRead = ['number', 'boolean', 'bigint'].includes(typeof node.value)
  if (isRead && position !== 'key' && node.source !== undefined) node.value = node.source
}

function toValue(document: Document, problems: Problems): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 }) ?? {}
  } catch {
    problems.add(
      '',
      'an alias (*name) in it has no anchor (&name) before it, or there are too many.',
    )
    return undefined
  }
}
