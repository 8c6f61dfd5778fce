import type { Tool } from '@modelcontextprotocol/sdk/types.js'

import { quoted as shellQuoted } from '../ground/shell.ts'
import { plainLine } from '../ground/terminal.ts'
import { unknownText } from './arguments.ts'
import { bounded, tooLong, validatorOf } from './bounded.ts'
import { Failure } from './failures.ts'
import { fieldsOfTool, isSecret } from './fields.ts'
import type { Fields } from './fields.ts'
import { quoted } from './shell/words.ts'

/** How arguments are given: with `--args`, as words after the tool, or at the prompt of a shell. */
export type ArgumentForm = 'option' | 'words' | 'prompt'

/**
 * @returns what is to be told of arguments that could not be checked; undefined where they could
 * @throws Failure if the tool does not take them
 */
export function checkArguments(
  tool: Tool,
  args: Record<string, unknown>,
  form: ArgumentForm,
): string | undefined {
  const { name, inputSchema } = tool
  let problem: string | undefined
  try {
    const checked = bounded(() => validatorOf(inputSchema)(args))
    if (checked === tooLong) return unchecked
    problem = checked.errorMessage
  } catch {
    // The schema itself is beyond the validator; the server will judge.
    return undefined
  }
  if (problem === undefined) return undefined
  const named = misfitText(tool, args, form)
  if (named !== undefined) throw new Failure(plainLine(named))
  const readable = problem
    .replaceAll(/(^|, )data\//g, '$1')
    .replaceAll(/(^|, )data /g, '$1the arguments ')
  const json = JSON.stringify(shownArguments(args, fieldsOfTool(tool)))
  const shown = form === 'option' ? `--args '${json}'` : json
  throw new Failure(plainLine(`${name} does not take ${shown}: ${readable}.`))
}

const unchecked =
  'The arguments could not be checked: a pattern of the server takes too long. The server will judge.'

/** Which arguments are missing or unknown, and what to write; undefined if it is not that. */
function misfitText(
  tool: Tool,
  args: Record<string, unknown>,
  form: ArgumentForm,
): string | undefined {
  const fields = fieldsOfTool(tool)
  const known = Object.keys(fields.properties)
  const missing = fields.required.filter((key) => !Object.hasOwn(args, key))
  const isKnown = (key: string): boolean => Object.hasOwn(fields.properties, key)
  const extra = fields.isClosed ? Object.keys(args).filter((key) => !isKnown(key)) : []
  const unknown = extra.map((key) => unknownText(key, known)).join(' ')
  if (missing.length === 0) return unknown === '' ? undefined : unknown
  const example = {
    ...shownArguments(
      Object.fromEntries(Object.entries(args).filter(([key]) => isKnown(key))),
      fields,
    ),
    ...Object.fromEntries(missing.map((key) => [key, exampleOf(fields.properties[key] ?? {})])),
  }
  const needs = `${tool.name} needs ${listed(missing)}: ${written(tool.name, example, form)}`
  return unknown === '' ? needs : `${needs}. ${unknown}`
}

/** Without the values that the server itself calls secret. */
export function shownArguments(
  args: Record<string, unknown>,
  { properties }: Fields,
): Record<string, unknown> {
  const shown = Object.entries(args).map(([key, value]) => [
    key,
    isSecret(properties[key] ?? {}) ? '…' : value,
  ])
  return Object.fromEntries(shown) as Record<string, unknown>
}

/** As the user writes it. */
function written(tool: string, args: Record<string, unknown>, form: ArgumentForm): string {
  if (form === 'option') return argsOption(args).map(shellQuoted).join(' ')
  if (form === 'words') return argumentWords(args).map(shellQuoted).join(' ')
  return ['call', quoted(tool), ...argumentWords(args).map(quotedValue)].join(' ')
}

/** `--args {"a": 1}`, not quoted yet. */
export function argsOption(args: Record<string, unknown>): [string, string] {
  const pairs = Object.entries(args).map(
    ([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`,
  )
  return ['--args', `{${pairs.join(', ')}}`]
}

/** `key=value`, not quoted yet. */
export function argumentWords(args: Record<string, unknown>): string[] {
  return Object.entries(args).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
}

/** `city="New York"` is easier to read than quotes around all of it. */
function quotedValue(word: string): string {
  const at = word.indexOf('=')
  const key = word.slice(0, at)
  return /^[\w-]+$/.test(key) ? `${key}=${quoted(word.slice(at + 1))}` : quoted(word)
}

function exampleOf(schema: object): unknown {
  const { default: normal, examples, enum: values, const: only } = schema as Schema
  const given = [normal, only, first(examples), first(values)].find((value) => value !== undefined)
  if (given !== undefined) return given
  const { type, anyOf, oneOf, items, minimum, format } = schema as Schema
  switch (Array.isArray(type) ? type[0] : type) {
    case 'integer':
    case 'number':
      return typeof minimum === 'number' ? minimum : 1
    case 'boolean':
      return true
    case 'array':
      return typeof items === 'object' && items !== null ? [exampleOf(items)] : []
    case 'object':
      return {}
    case 'string':
      return examplesByFormat.get(String(format)) ?? 'text'
  }
  const choice = first(anyOf) ?? first(oneOf)
  return typeof choice === 'object' && choice !== null ? exampleOf(choice) : 'text'
}

type Schema = Partial<Record<string, unknown>>

const examplesByFormat = new Map([
  ['date', '2026-01-31'],
  ['date-time', '2026-01-31T12:00:00Z'],
  ['email', 'me@example.com'],
  ['uri', 'https://example.com'],
])

const first = (list: unknown): unknown => (Array.isArray(list) ? (list as unknown[])[0] : undefined)

function listed(names: readonly string[]): string {
  return names.length < 2
    ? names.join('')
    : `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`
}
