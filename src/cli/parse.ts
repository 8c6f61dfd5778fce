import { parseArgs } from 'node:util'

import { closest } from '../ground/closest.ts'
import { messageOf } from '../ground/errors.ts'
import { UsageError } from './command.ts'
import type { Command, CommandOptions, Context, Values } from './command.ts'

type Parsed = Pick<Context, 'positionals' | 'values' | 'rest'> & { wantsHelp: boolean }

/** @throws UsageError */
export function parseCommandLine(command: Command, words: string[]): Parsed {
  const end = words.indexOf('--')
  const own = end < 0 ? words : words.slice(0, end)
  const rest = end < 0 ? undefined : words.slice(end + 1)
  const options = {
    ...Object.fromEntries(
      Object.entries(command.options).map(([name, { type, short, multiple = false }]) => [
        name,
        { type, multiple, ...(short !== undefined && { short }) },
      ]),
    ),
    help: { type: 'boolean', short: 'h' },
  } as const
  refuseUnknown(own, options)
  try {
    const { values, positionals } = parseArgs({ args: own, options, allowPositionals: true })
    const filled = fill(command.options, values)
    return { positionals, values: filled, rest, wantsHelp: values.help === true }
  } catch (error) {
    throw new UsageError(wordsOf(messageOf(error)))
  }
}

/** `parseArgs` knows that an option is unknown, but not which one was meant. */
function refuseUnknown(
  args: string[],
  options: Record<string, { type: 'string' | 'boolean'; short?: string }>,
): void {
  const { tokens } = parseArgs({ args, options, strict: false, tokens: true })
  for (const token of tokens) {
    if (token.kind !== 'option' || Object.hasOwn(options, token.name)) continue
    const meant = closest(token.name, Object.keys(options))
    const hint = meant === undefined ? '' : ` Did you mean --${meant}?`
    throw new UsageError(`There is no option ${token.rawName}.${hint}`)
  }
}

function fill(options: CommandOptions, given: Record<string, unknown>): Values<CommandOptions> {
  const filled = Object.entries(options).map(([name, { type, multiple }]) => {
    const empty = type === 'boolean' ? false : multiple === true ? [] : undefined
    return [name, given[name] ?? empty]
  })
  return Object.fromEntries(filled) as Values<CommandOptions>
}

/** What `parseArgs` says, or better words for it. */
function wordsOf(text: string): string {
  const [, name] = /(--[\w-]+)\b.* argument is ambiguous/.exec(text) ?? []
  if (name === undefined) return firstSentence(text)
  return `A value is missing after ${name}; one that begins with a dash is written ${name}=VALUE.`
}

function firstSentence(text: string): string {
  return /^.*?\.(?=\s|$)/s.exec(text)?.[0] ?? `${text}.`
}
