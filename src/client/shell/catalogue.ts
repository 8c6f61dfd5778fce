import { isDeepStrictEqual } from 'node:util'

import type { Prompt, Tool } from '@modelcontextprotocol/sdk/types.js'

import { plainLine } from '../../ground/terminal.ts'
import type { Connection } from '../connect.ts'
import { promptsOf, resourcesOf, toolsOf } from '../offers.ts'
import type { Resources } from '../offers.ts'

/** What the server offers, asked for once and again when it says that it has changed. */
export interface Catalogue {
  tools(isFresh?: boolean): Promise<Tool[]>
  resources(isFresh?: boolean): Promise<Resources>
  prompts(isFresh?: boolean): Promise<Prompt[]>
  /** What is known of the tools now, without asking. */
  knownTools(): readonly Tool[]
  /** Asks again. @returns what has changed, in a sentence; undefined if nobody would notice. */
  changed(kind: Kind): Promise<string | undefined>
}

export const kinds = ['tools', 'resources', 'prompts'] as const
export type Kind = (typeof kinds)[number]

export function createCatalogue(connection: Connection): Catalogue {
  const tools = createList(() =>
    connection.offers('tools') ? toolsOf(connection) : Promise.resolve([]),
  )
  const resources = createList(() => resourcesOf(connection))
  const prompts = createList(() => promptsOf(connection))
  const namesOf = {
    tools: async (isFresh: boolean) => (await tools.get(isFresh)).map(({ name }) => name),
    prompts: async (isFresh: boolean) => (await prompts.get(isFresh)).map(({ name }) => name),
    resources: async (isFresh: boolean) => addressesOf(await resources.get(isFresh)),
  }

  return {
    tools: (isFresh = false) => tools.get(isFresh),
    resources: (isFresh = false) => resources.get(isFresh),
    prompts: (isFresh = false) => prompts.get(isFresh),
    knownTools: () => tools.known() ?? [],
    async changed(kind) {
      const list = { tools, resources, prompts }[kind]
      const known = list.known()
      const before = known === undefined ? [] : await namesOf[kind](false)
      const after = await namesOf[kind](true)
      if (known === undefined || isDeepStrictEqual(known, list.known())) return undefined
      return differenceText(kind, before, after)
    },
  }
}

export function addressesOf({ resources, resourceTemplates }: Resources): string[] {
  return [
    ...resources.map(({ uri }) => uri),
    ...resourceTemplates.map(({ uriTemplate }) => uriTemplate),
  ]
}

interface List<T> {
  get(isFresh: boolean): Promise<T>
  known(): T | undefined
}

function createList<T>(ask: () => Promise<T>): List<T> {
  let known: T | undefined
  let asking: Promise<T> | undefined
  return {
    known: () => known,
    get(isFresh) {
      if (known !== undefined && !isFresh) return Promise.resolve(known)
      // What is asked already may have been answered before the change.
      if (asking !== undefined && !isFresh) return asking
      const asked = ask()
        .then((list) => (known = list))
        .finally(() => {
          if (asking === asked) asking = undefined
        })
      asking = asked
      return asked
    },
  }
}

function differenceText(kind: Kind, before: string[], after: string[]): string {
  const parts = [
    ['new', after.filter((name) => !before.includes(name))],
    ['gone', before.filter((name) => !after.includes(name))],
  ] as const
  const told = parts
    .filter(([, names]) => names.length > 0)
    .map(([word, names]) => `${word}: ${some(names)}`)
  const difference = told.length === 0 ? '.' : `; ${told.join('; ')}.`
  return plainLine(`The ${kind} of the server have changed${difference}`)
}

function some(names: readonly string[]): string {
  const most = 6
  const more = names.length > most ? ` and ${names.length - most} more` : ''
  return `${names.slice(0, most).join(', ')}${more}`
}
