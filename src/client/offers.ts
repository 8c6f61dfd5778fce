import { McpError } from '@modelcontextprotocol/sdk/types.js'
import type { Prompt, Resource, ResourceTemplate, Tool } from '@modelcontextprotocol/sdk/types.js'

import { closest } from '../ground/closest.ts'
import { plainLine } from '../ground/terminal.ts'
import type { Connection } from './connect.ts'
import { Failure } from './failures.ts'

const methodNotFound = -32601

export interface Resources {
  resources: Resource[]
  resourceTemplates: ResourceTemplate[]
}

/** @throws Failure if the server has none. */
export async function toolsOf(connection: Connection): Promise<Tool[]> {
  if (!connection.offers('tools')) {
    throw new Failure(`The server ${plainLine(connection.serverName)} has no tools.`)
  }
  const { client, request } = connection
  return allPages(
    (cursor) => request((options) => client.listTools(cursor, options)),
    ({ tools }) => tools,
  )
}

export async function resourcesOf(connection: Connection): Promise<Resources> {
  if (!connection.offers('resources')) return { resources: [], resourceTemplates: [] }
  const { client, request } = connection
  const resources = await orNone(
    connection,
    allPages(
      (cursor) => request((options) => client.listResources(cursor, options)),
      (page) => page.resources,
    ),
  )
  const resourceTemplates = await orNone(
    connection,
    allPages(
      (cursor) => request((options) => client.listResourceTemplates(cursor, options)),
      (page) => page.resourceTemplates,
    ),
  )
  return { resources, resourceTemplates }
}

export async function promptsOf(connection: Connection): Promise<Prompt[]> {
  if (!connection.offers('prompts')) return []
  const { client, request } = connection
  return orNone(
    connection,
    allPages(
      (cursor) => request((options) => client.listPrompts(cursor, options)),
      ({ prompts }) => prompts,
    ),
  )
}

/** @throws Failure that says which one was probably meant. */
export function findTool(tools: Tool[], name: string): Tool {
  return find('tool', tools, name)
}

/** @throws Failure that says which one was probably meant. */
export function findPrompt(prompts: Prompt[], name: string): Prompt {
  return find('prompt', prompts, name)
}

function find<T extends { name: string }>(what: string, all: T[], name: string): T {
  const found = all.find((one) => one.name === name)
  if (found) return found
  const names = all.map((one) => one.name)
  const meant = closest(name, names)
  const hint = meant === undefined ? '' : ` Did you mean ${meant}?`
  const list =
    names.length === 0 ? 'The server has none.' : `The ${what}s are: ${names.join(', ')}.`
  throw new Failure(plainLine(`There is no ${what} ${name}.${hint} ${list}`))
}

/** Where it is not known what a server offers, it says itself what it does not know. */
async function orNone<T>(connection: Connection, list: Promise<T[]>): Promise<T[]> {
  try {
    return await list
  } catch (error) {
    const isUnknown = error instanceof McpError && error.code === methodNotFound
    if (connection.agreed === undefined && isUnknown) return []
    throw error
  }
}

/** All pages of a list. A server that repeats itself is stopped. */
async function allPages<P extends { nextCursor?: string | undefined }, T>(
  fetchPage: (cursor: { cursor?: string }) => Promise<P>,
  itemsOf: (page: P) => T[],
): Promise<T[]> {
  const items: T[] = []
  const seen = new Set<string>()
  let cursor: string | undefined
  do {
    const page = await fetchPage(cursor === undefined ? {} : { cursor })
    items.push(...itemsOf(page))
    cursor = page.nextCursor
    if (cursor !== undefined && seen.has(cursor)) break
    if (cursor !== undefined) seen.add(cursor)
  } while (cursor !== undefined)
  return items
}
