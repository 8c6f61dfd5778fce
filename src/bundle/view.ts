import type { ListKind } from '../protocols/lists.ts'
import { listsOf } from '../protocols/lists.ts'
import type { Entry, Known } from './catalogue.ts'
import { noLists } from './catalogue.ts'
import type { NameTable } from './names.ts'
import { nameTable } from './names.ts'
import type { Bundle } from './options.ts'
import type { UriTable } from './uris.ts'
import { uriTable } from './uris.ts'

/** What a session of a bundle sees of its servers: names, URIs and lists. */
export interface View {
  readonly tools: NameTable
  readonly prompts: NameTable
  readonly uris: UriTable
  known(server: string): Known | undefined
  /** The entries of a list as clients see them, with the server of each and its own name for it. */
  list(kind: ListKind): readonly Listed[]
}

export interface Listed {
  server: string
  name: string
  entry: Entry
}

/** @param knownOf what each server has told, for whom this is */
export function createView(
  { members, separator }: Bundle,
  knownOf: (server: string) => Known | undefined,
): View {
  const known = new Map(members.map(({ server }) => [server, knownOf(server)]))
  const entriesOf = (server: string, kind: ListKind): readonly Entry[] =>
    (known.get(server)?.lists ?? noLists)[kind]
  const namesOf = (kind: ListKind) => (server: string) =>
    entriesOf(server, kind).map(({ name }) => String(name))
  const tools = nameTable(members, separator, namesOf('tools'))
  const prompts = nameTable(members, separator, namesOf('prompts'))
  const withResources = members
    .filter(({ server }) => known.get(server)?.capabilities.resources !== undefined)
    .map(({ server }) => ({
      server,
      resources: entriesOf(server, 'resources'),
      templates: entriesOf(server, 'templates'),
    }))
  const uris = uriTable(withResources)
  const made = new Map<ListKind, readonly Listed[]>()

  function make(kind: ListKind): readonly Listed[] {
    const { key } = listsOf[kind]
    if (kind === 'tools' || kind === 'prompts') {
      const first = new Map<string, Entry>()
      for (const { server } of members) {
        for (const entry of entriesOf(server, kind)) {
          const at = `${server}\n${String(entry.name)}`
          if (!first.has(at)) first.set(at, entry)
        }
      }
      return (kind === 'tools' ? tools : prompts).all.map(({ server, name, shown }) => ({
        server,
        name,
        entry: { ...first.get(`${server}\n${name}`), name: shown },
      }))
    }
    return withResources.flatMap(({ server, [kind]: entries }) =>
      entries.map((entry) => {
        const own = String(entry[key])
        return { server, name: own, entry: { ...entry, [key]: uris.shown(server, own) } }
      }),
    )
  }

  return {
    tools,
    prompts,
    uris,
    known: (server) => known.get(server),
    list(kind) {
      const found = made.get(kind) ?? make(kind)
      made.set(kind, found)
      return found
    },
  }
}

/** What can be done at the bundle: whatever one of its servers can, or may be able to. */
export function capabilitiesOf(
  { members }: Bundle,
  knownOf: (server: string) => Known | undefined,
): Record<string, unknown> {
  const all = members.map(({ server }) => knownOf(server))
  // Of whom nothing is known yet, everything may come.
  const has = (name: string): boolean =>
    all.some((known) => known === undefined || known.capabilities[name] !== undefined)
  const tasks = all.flatMap((known) => known?.capabilities.tasks ?? [])
  return {
    tools: { listChanged: true },
    ...(has('prompts') ? { prompts: { listChanged: true } } : {}),
    ...(has('resources') ? { resources: { subscribe: true, listChanged: true } } : {}),
    ...(has('logging') ? { logging: {} } : {}),
    ...(has('completions') ? { completions: {} } : {}),
    ...(tasks.length > 0 ? { tasks: tasks.reduce<unknown>(merged, {}) } : {}),
  }
}

function merged(one: unknown, other: unknown): unknown {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) {
    return one ?? other
  }
  const all: Record<string, unknown> = { ...one }
  for (const [key, value] of Object.entries(other)) {
    all[key] = key in all ? merged(all[key], value) : value
  }
  return all
}
