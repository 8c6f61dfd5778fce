import type { CompleteRequest, Prompt } from '@modelcontextprotocol/sdk/types.js'

import { plainLine } from '../../ground/terminal.ts'
import type { Connection } from '../connect.ts'
import type { Catalogue } from './catalogue.ts'
import { fieldsOfPrompt, fieldsOfTool, valuesOf } from '../fields.ts'
import type { Fields } from '../fields.ts'
import { quoted, wordsOf } from './words.ts'

/** What the word after a command may be. */
export type Completes = 'commands' | 'tools' | 'call' | 'resources' | 'prompts' | 'levels'

export interface CompletionOptions {
  commands: ReadonlyMap<string, { completes?: Completes }>
  levels: readonly string[]
  /** Of the session that is open; undefined if there is none. */
  current(): { connection: Connection; catalogue: Catalogue } | undefined
}

/** A server that does not answer in time must not hold the keyboard up. */
const patienceMs = 1500
const nothing: string[] = []

type Ref = CompleteRequest['params']['ref']

/** Finds what the last word of a line may become, as `node:readline` wants it. */
export function createCompletion(
  options: CompletionOptions,
): (line: string) => Promise<[string[], string]> {
  const { commands, levels, current } = options

  return async (line) => {
    const { words, open } = wordsOf(line)
    const isNew = open === undefined && (line === '' || /\s$/.test(line))
    const last = isNew ? undefined : words.at(-1)
    const typed = last?.text ?? ''
    const before = (isNew ? words : words.slice(0, -1)).map(({ text }) => text)
    const raw = last === undefined ? '' : line.slice(last.start)
    const late = new Promise<string[]>((resolve) => setTimeout(resolve, patienceMs, []).unref())
    const found = await Promise.race([candidates(before, typed), late])
    const fits = found.filter((text) => text.startsWith(typed) && plainLine(text) === text)
    const shown = fits.map((text) => (/[=/]$/.test(text) ? text : written(text, raw, open)))
    const [only] = shown
    const isDone = shown.length === 1 && only !== undefined && !/[=/]$/.test(only)
    return [isDone ? [`${only} `] : shown, raw]
  }

  async function candidates(before: string[], typed: string): Promise<string[]> {
    const [command, name, ...given] = before
    if (command === undefined) return [...commands.keys()]
    const completes = commands.get(command)?.completes
    if (completes === 'commands') return name === undefined ? [...commands.keys()] : nothing
    if (completes === 'levels') return name === undefined ? [...levels] : nothing
    const session = current()
    if (session === undefined || completes === undefined) return nothing
    const { connection, catalogue } = session
    switch (completes) {
      case 'tools':
      case 'call': {
        const tools = await catalogue.tools()
        if (name === undefined) return tools.map((tool) => tool.name)
        const tool = completes === 'call' ? tools.find((one) => one.name === name) : undefined
        return tool === undefined ? nothing : fieldCandidates(fieldsOfTool(tool), given, typed)
      }
      case 'prompts': {
        const prompts = await catalogue.prompts()
        if (name === undefined) return prompts.map((prompt) => prompt.name)
        const prompt = prompts.find((one) => one.name === name)
        return prompt === undefined ? nothing : promptCandidates(connection, prompt, given, typed)
      }
      case 'resources': {
        if (name !== undefined) return nothing
        const found = await catalogue.resources()
        const { resourceTemplates } = found
        const own = await Promise.all(
          resourceTemplates.map(({ uriTemplate }) => templated(connection, uriTemplate, typed)),
        )
        return [...found.resources.map(({ uri }) => uri), ...own.flat()]
      }
    }
  }
}

async function promptCandidates(
  connection: Connection,
  prompt: Prompt,
  given: string[],
  typed: string,
): Promise<string[]> {
  const [, key, value] = /^([^=]+)=(.*)$/s.exec(typed) ?? []
  if (key === undefined || value === undefined) {
    return fieldCandidates(fieldsOfPrompt(prompt), given, typed)
  }
  const pairs = given.map((word) => [
    word.slice(0, word.indexOf('=')),
    word.slice(word.indexOf('=') + 1),
  ])
  const ref = { type: 'ref/prompt', name: prompt.name } as const
  const context = Object.fromEntries(pairs) as Record<string, string>
  const values = await askServer(connection, ref, { name: key, value }, context)
  return values.map((one) => `${key}=${one}`)
}

function fieldCandidates({ properties }: Fields, given: string[], typed: string): string[] {
  const [, key] = /^([^=]+)=/.exec(typed) ?? []
  if (key !== undefined) {
    return valuesOf(properties[key] ?? {}).map((value) => `${key}=${value}`)
  }
  const names = Object.keys(properties)
  return names
    .filter((name) => !given.some((word) => word.startsWith(`${name}=`)))
    .map((name) => `${name}=`)
}

/** For a template as `demo://text/{id}`: what stands before the first `{`, then what the server knows. */
async function templated(
  connection: Connection,
  template: string,
  typed: string,
): Promise<string[]> {
  const parts = template.split(/\{(\w+)\}/)
  const context: Record<string, string> = {}
  let done = ''
  for (let index = 0; index < parts.length; index += 2) {
    done += parts[index] ?? ''
    const name = parts[index + 1]
    if (!typed.startsWith(done)) return done.startsWith(typed) ? [done] : nothing
    if (name === undefined) return nothing
    const rest = typed.slice(done.length)
    const literal = parts[index + 2] ?? ''
    const end = literal === '' ? -1 : rest.indexOf(literal)
    if (end < 0) {
      const ref = { type: 'ref/resource', uri: template } as const
      const values = await askServer(connection, ref, { name, value: rest }, context)
      return values.map((value) => `${done}${value}${literal}`)
    }
    context[name] = rest.slice(0, end)
    done += context[name]
  }
  return nothing
}

async function askServer(
  { client, request, agreed }: Connection,
  ref: Ref,
  argument: { name: string; value: string },
  context: Record<string, string>,
): Promise<string[]> {
  if (agreed?.capabilities.completions === undefined) return nothing
  const params = { ref, argument, context: { arguments: context } }
  const { completion } = await request((options) => client.complete(params, options))
  return completion.values
}

/** As it has to stand in the line, in the quotes that were begun. */
function written(text: string, raw: string, open: '"' | "'" | undefined): string {
  if (open === undefined) {
    const [, key, value] = /^([\w-]+=)(.*)$/s.exec(text) ?? []
    return key === undefined || value === undefined ? quoted(text) : `${key}${quoted(value)}`
  }
  const before = raw.slice(0, raw.indexOf(open))
  const rest = text.slice(before.length)
  return `${before}${open}${open === '"' ? rest.replaceAll(/["\\]/g, '\\$&') : rest}${open}`
}
