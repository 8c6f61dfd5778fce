import { readFileSync } from 'node:fs'

import {
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Scalar,
  type YAMLError,
} from 'yaml'

import { messageOf } from '../ground/errors.ts'
import { decodeText } from '../ground/text.ts'
import { isMap, type Tree } from './check.ts'
import type { Problems } from './problems.ts'

/** What stands in a file, unchecked; undefined: nothing at all. What is wrong goes into `problems`. */
export function readTree(file: string, problems: Problems): Tree | undefined {
  const text = readText(file, problems)
  if (text === undefined) return {}
  if (text.trim() === '') return undefined
  if (isToml(file, text)) {
    problems.add('', tomlText)
    return {}
  }
  const isJson = looksLikeJson(file, text)
  const tree = isJson && text.length > largeChars ? plainJson(text) : undefined
  return tree ?? parse(text, isJson, problems)
}

/** Another client's own program wrote a file of this size, so no text in it has an odd form. */
const largeChars = 1024 * 1024

function plainJson(text: string): Tree | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isMap(value) ? value : undefined
  } catch {
    return undefined // it has comments, or faults that the other reader can name
  }
}

function parse(text: string, isJson: boolean, problems: Problems): Tree {
  const lines = new LineCounter()
  const document = parseDocument(isJson ? withoutComments(text) : text, {
    lineCounter: lines,
    logLevel: 'error',
    merge: true,
    prettyErrors: false,
  })
  const faults = [...document.errors, ...document.warnings]
  if (faults.length > 0) {
    // YAML has limits that JSON has not, such as that of the length of a key.
    const isTwice = faults.some(({ code }) => code === 'DUPLICATE_KEY')
    const tree = isJson && !isTwice ? plainJson(text) : undefined
    if (tree === undefined) reportSyntax(faults, lines, isJson, problems)
    return tree ?? {}
  }
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
    return decodeText(readFileSync(file))
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT') problems.add('', 'there is no such file.')
    else if (code === 'EISDIR') problems.add('', 'this is a folder; name the file in it.')
    else problems.add('', `it cannot be read: ${messageOf(error)}`)
    return undefined
  }
}

function looksLikeJson(file: string, text: string): boolean {
  if (/\.ya?ml$/i.test(file)) return false
  return /\.jsonc?$/i.test(file) || /^\s*(\/[/*]|\{\s*("|\/[/*]|\}))/.test(text)
}

const isToml = (file: string, text: string): boolean =>
  /\.toml$/i.test(file) || /^[ \t]*\[+[ \t]*"?mcp_?servers\b[^\]\n]*\]+[ \t]*$/im.test(text)

const tomlText =
  'this is TOML, as Codex has it, and Berth reads YAML and JSON. Write each [mcp_servers.NAME] into the mcpServers of a berth.yaml: command, args, env and url have the same names there.'

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

const textKeys: readonly unknown[] = ['args', 'env', 'environment', 'envs', 'headers']

/** Keeps what is a text anyway as it was written: a version 1.10 is not 1.1, a PIN 0042 not 42. */
function keepTexts(document: Document): void {
  visit(document, {
    Pair(_, pair, ancestors) {
      const pairs = [...ancestors, pair].filter(isPair)
      const keys = pairs.map(({ key }) => (isScalar(key) ? key.value : ''))
      const depth = depthOfEntry(keys, isSeq(pairs[0]?.value))
      if (keys.length <= depth) return undefined
      if (textKeys.includes(keys[depth]) && isNode(pair.value)) {
        visit(pair.value, { Scalar: keepText })
      }
      return visit.SKIP
    },
  })
}

/** How many keys lead to the keys of a server. */
function depthOfEntry([first, second]: readonly unknown[], isList: boolean): number {
  if (first === 'defaults' || isList) return 1
  return first === 'mcp' && second === 'servers' ? 3 : 2
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
