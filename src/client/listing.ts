import type { Prompt, Resource, ResourceTemplate, Tool } from '@modelcontextprotocol/sdk/types.js'

import { closest } from '../ground/closest.ts'
import { bytesInWords, isTerminal, plain, plainLine, writeJson } from '../ground/terminal.ts'
import { toolsOf } from './call.ts'
import type { Connection } from './connect.ts'
import { Failure } from './failures.ts'
import { promptText, resourceName } from './results.ts'
import { allPages, inSession } from './session.ts'
import type { Io, Target } from './session.ts'

export interface ListOptions {
  json: boolean
}

export function listTools(target: Target, { json }: ListOptions, io: Io): Promise<number> {
  return inSession(target, io, async ({ connection }) => {
    const tools = await toolsOf(connection)
    if (json) writeJson(io.stdout, { tools })
    else writeBlocks(tools.map(toolLines), 'no tools', io)
    return 0
  })
}

export function listResources(target: Target, { json }: ListOptions, io: Io): Promise<number> {
  return inSession(target, io, async ({ connection }) => {
    const { resources, resourceTemplates } = await resourcesOf(connection)
    if (json) writeJson(io.stdout, { resources, resourceTemplates })
    else {
      const blocks = [...resources, ...resourceTemplates].map(resourceLines)
      writeBlocks(blocks, 'no resources', io)
    }
    return 0
  })
}

export function readResource(
  target: Target,
  { uri, json }: ListOptions & { uri: string },
  io: Io,
): Promise<number> {
  return inSession(target, io, async ({ connection }) => {
    const { client, request } = connection
    const result = await request((options) => client.readResource({ uri }, options))
    if (json) {
      writeJson(io.stdout, result)
      return 0
    }
    const onTerminal = isTerminal(io.stdout)
    for (const contents of result.contents) {
      if ('text' in contents) {
        io.stdout.write(`${onTerminal ? plain(contents.text) : contents.text}\n`)
      } else if (onTerminal) {
        io.stdout.write(`${resourceName(contents)}\n`)
      } else {
        io.stdout.write(Buffer.from(contents.blob, 'base64'))
      }
    }
    return 0
  })
}

export function listPrompts(target: Target, { json }: ListOptions, io: Io): Promise<number> {
  return inSession(target, io, async ({ connection }) => {
    const prompts = await promptsOf(connection)
    if (json) writeJson(io.stdout, { prompts })
    else writeBlocks(prompts.map(promptLines), 'no prompts', io)
    return 0
  })
}

export function getPrompt(
  target: Target,
  { name, args, json }: ListOptions & { name: string; args: Record<string, unknown> },
  io: Io,
): Promise<number> {
  return inSession(target, io, async ({ connection }) => {
    const prompt = findPrompt(await promptsOf(connection), name)
    const params = { name, arguments: promptArguments(prompt, args) }
    const { client, request } = connection
    const result = await request((options) => client.getPrompt(params, options))
    if (json) writeJson(io.stdout, result)
    else {
      const text = promptText(result.messages)
      io.stdout.write(`${isTerminal(io.stdout) ? plain(text) : text}\n`)
    }
    return 0
  })
}

async function resourcesOf({ client, request }: Connection): Promise<{
  resources: Resource[]
  resourceTemplates: ResourceTemplate[]
}> {
  if (!client.getServerCapabilities()?.resources) return { resources: [], resourceTemplates: [] }
  const resources = await allPages(
    (cursor) => request((options) => client.listResources(cursor, options)),
    (page) => page.resources,
  )
  const resourceTemplates = await allPages(
    (cursor) => request((options) => client.listResourceTemplates(cursor, options)),
    (page) => page.resourceTemplates,
  )
  return { resources, resourceTemplates }
}

async function promptsOf({ client, request }: Connection): Promise<Prompt[]> {
  if (!client.getServerCapabilities()?.prompts) return []
  return allPages(
    (cursor) => request((options) => client.listPrompts(cursor, options)),
    ({ prompts }) => prompts,
  )
}

function findPrompt(prompts: Prompt[], name: string): Prompt {
  const prompt = prompts.find((one) => one.name === name)
  if (prompt) return prompt
  const names = prompts.map((one) => one.name)
  const meant = closest(name, names)
  const hint = meant === undefined ? '' : ` Did you mean ${meant}?`
  const all = names.length === 0 ? 'The server has none.' : `The prompts are: ${names.join(', ')}.`
  throw new Failure(plainLine(`There is no prompt ${name}.${hint} ${all}`))
}

/** The arguments of prompts are texts. */
function promptArguments(prompt: Prompt, args: Record<string, unknown>): Record<string, string> {
  const missing = prompt.arguments?.find((one) => one.required === true && !(one.name in args))
  if (missing) throw new Failure(plainLine(`${prompt.name} needs the argument ${missing.name}.`))
  const texts = Object.entries(args).map(([key, value]) => [
    key,
    typeof value === 'string' ? value : JSON.stringify(value),
  ])
  return Object.fromEntries(texts) as Record<string, string>
}

function writeBlocks(blocks: string[][], nothing: string, { stdout, stderr }: Io): void {
  if (blocks.length === 0) stderr.write(`The server has ${nothing}.\n`)
  else stdout.write(`${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`)
}

function toolLines({ name, title, description, inputSchema }: Tool): string[] {
  const required = inputSchema.required ?? []
  const fields = Object.entries(inputSchema.properties ?? {}).map(([key, schema]) =>
    argumentLine(key, typeWords(schema), required.includes(key), descriptionIn(schema)),
  )
  return [...heading(name, title, description), ...fields]
}

function promptLines({ name, title, description, arguments: fields = [] }: Prompt): string[] {
  const lines = fields.map((field) =>
    argumentLine(field.name, 'text', field.required === true, field.description),
  )
  return [...heading(name, title, description), ...lines]
}

function resourceLines(resource: Resource | ResourceTemplate): string[] {
  const address = 'uri' in resource ? resource.uri : resource.uriTemplate
  const facts = [
    ...(resource.mimeType === undefined ? [] : [resource.mimeType]),
    ...('size' in resource && typeof resource.size === 'number'
      ? [bytesInWords(resource.size)]
      : []),
  ]
  const named = facts.length > 0 ? `${resource.name} (${facts.join(', ')})` : resource.name
  return heading(address, resource.title ?? named, resource.description)
}

function heading(name: string, title?: string, description?: string): string[] {
  const texts = [title, description].filter((text) => text !== undefined && text !== name)
  return [plainLine(name), ...texts.map((text) => `  ${plainLine(text ?? '')}`)]
}

function argumentLine(key: string, type: string, isRequired: boolean, about?: string): string {
  const name = `${plainLine(key)}${isRequired ? '' : '?'}`
  const words = about === undefined ? '' : `  ${plainLine(about)}`
  return `    ${name}: ${plainLine(type)}${words}`
}

function typeWords(schema: object): string {
  if ('enum' in schema && Array.isArray(schema.enum)) return schema.enum.map(String).join(' | ')
  if ('type' in schema && schema.type === 'array') {
    const items = 'items' in schema && typeof schema.items === 'object' ? schema.items : {}
    return `list of ${typeWords(items ?? {})}`
  }
  if ('type' in schema)
    return Array.isArray(schema.type) ? schema.type.join(' | ') : String(schema.type)
  return 'any'
}

function descriptionIn(schema: object): string | undefined {
  return 'description' in schema && typeof schema.description === 'string'
    ? schema.description
    : undefined
}
