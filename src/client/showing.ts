import type { Prompt, Resource, ResourceTemplate, Tool } from '@modelcontextprotocol/sdk/types.js'

import { bytesInWords, isTerminal, plain, plainLine, writeJson } from '../ground/terminal.ts'
import type { Connection } from './connect.ts'
import { Failure } from './failures.ts'
import type { Resources } from './offers.ts'
import { promptText, resourceName } from './results.ts'
import type { Io } from './session.ts'

export interface ListOptions {
  json: boolean
}
type Out = Pick<Io, 'stdout' | 'stderr'>

export function writeTools(tools: Tool[], { json }: ListOptions, out: Out): void {
  if (json) writeJson(out.stdout, { tools })
  else writeBlocks(tools.map(toolLines), 'no tools', out)
}

export function writeResources(found: Resources, { json }: ListOptions, out: Out): void {
  if (json) {
    writeJson(out.stdout, found)
    return
  }
  const { resources, resourceTemplates } = found
  writeBlocks([...resources, ...resourceTemplates].map(resourceLines), 'no resources', out)
}

export function writePrompts(prompts: Prompt[], { json }: ListOptions, out: Out): void {
  if (json) writeJson(out.stdout, { prompts })
  else writeBlocks(prompts.map(promptLines), 'no prompts', out)
}

export async function readResourceIn(
  { client, request, offers, serverName }: Connection,
  uri: string,
  { json }: ListOptions,
  { stdout }: Out,
): Promise<void> {
  if (!offers('resources')) {
    throw new Failure(`The server ${plainLine(serverName)} has no resources.`)
  }
  const result = await request((options) => client.readResource({ uri }, options))
  if (json) {
    writeJson(stdout, result)
    return
  }
  const onTerminal = isTerminal(stdout)
  for (const contents of result.contents) {
    if ('text' in contents) {
      stdout.write(`${onTerminal ? plain(contents.text) : contents.text}\n`)
    } else if (onTerminal) {
      stdout.write(`${resourceName(contents)}\n`)
    } else {
      stdout.write(Buffer.from(contents.blob, 'base64'))
    }
  }
}

export async function getPromptIn(
  { client, request }: Connection,
  prompt: Prompt,
  args: Record<string, unknown>,
  { json }: ListOptions,
  { stdout }: Out,
): Promise<void> {
  const params = { name: prompt.name, arguments: promptArguments(prompt, args) }
  const result = await request((options) => client.getPrompt(params, options))
  if (json) {
    writeJson(stdout, result)
    return
  }
  const text = promptText(result.messages)
  stdout.write(`${isTerminal(stdout) ? plain(text) : text}\n`)
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

function writeBlocks(blocks: string[][], nothing: string, { stdout, stderr }: Out): void {
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
