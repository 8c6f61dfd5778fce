import { createHash } from 'node:crypto'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { credentialsOf, isOfCaller } from '../ground/credentials.ts'
import type { OnFault } from '../ground/guarded.ts'
import { parseJson } from '../ground/json.ts'
import { isObject } from '../ground/objects.ts'
import { readOwnFile } from '../ground/own-files.ts'
import { stateFolder } from '../ground/state-dir.ts'
import type { ListKind } from '../protocols/lists.ts'
import { listKinds } from '../protocols/lists.ts'
import type { Server } from '../sessions/server.ts'

/** A tool, a prompt, a resource or a template as its server describes it. */
export type Entry = Readonly<Record<string, unknown>>
export type Lists = Readonly<Record<ListKind, readonly Entry[]>>

export const noLists: Lists = { tools: [], prompts: [], resources: [], templates: [] }

/** What is known of a server without asking it. */
export interface Known {
  readonly capabilities: Readonly<Record<string, unknown>>
  readonly instructions: string | undefined
  readonly lists: Lists
}

/**
 * What a fresh session of each server has told: learnt once for each version of a server, kept in
 * the state directory, and corrected by every session that is opened. Of a server that may answer
 * each caller differently it is kept for each of them, in memory alone.
 */
export interface Catalogue {
  of(server: Server, principal: string): Known | undefined
  learn(server: Server, principal: string, known: Known): void
  /** Looks, where nothing is known of a server, whether another gateway has learnt it meanwhile. */
  lookAgain(server: Server): void
  /** Whether each caller may be told something else. */
  isPersonal(server: Server): boolean
  /** Grows whenever something has been learnt that was not known. */
  readonly revision: number
}

export interface CatalogueOptions {
  stateDir: string
  servers: readonly Server[]
  /** Lists of a server that are other ones than those known before. */
  onChange(server: Server, principal: string, kinds: readonly ListKind[]): void
  onFault: OnFault
}

/** Of servers that tell each caller something else, so many callers are remembered. */
const mostPersonal = 1000
const fileBytes = 4 * 1024 * 1024

export function createCatalogue(options: CatalogueOptions): Catalogue {
  const { servers, onChange, onFault } = options
  const folder = stateFolder(options.stateDir, 'catalogue')
  const shared = new Map<string, Known>()
  const personal = new Map<string, Known>()
  const writing = new Map<string, Promise<void>>()
  let revision = 0

  const read = (server: Server): void => {
    const known = readKnown(join(folder, fileOf(server)))
    if (known !== undefined) shared.set(server.name, known)
  }
  for (const server of servers) if (!isPersonal(server)) read(server)

  const keyOf = ({ name }: Server, principal: string): string => `${name}\n${principal}`

  function write(server: Server, known: Known): void {
    const text = JSON.stringify({ v: 1, ...known })
    if (Buffer.byteLength(text) > fileBytes) return
    const file = join(folder, fileOf(server))
    const save = async (): Promise<void> => {
      // One that is killed in between leaves the old one whole.
      await writeFile(`${file}.new`, text, { mode: 0o600 })
      await rename(`${file}.new`, file)
    }
    const before = writing.get(file) ?? Promise.resolve()
    writing.set(file, before.then(save).then(undefined, onFault))
  }

  return {
    isPersonal,

    of: (server, principal) =>
      isPersonal(server) ? personal.get(keyOf(server, principal)) : shared.get(server.name),

    learn(server, principal, known) {
      const isOwn = isPersonal(server)
      const [map, key] = isOwn ? [personal, keyOf(server, principal)] : [shared, server.name]
      const before = map.get(key)
      if (before !== undefined && JSON.stringify(before) === JSON.stringify(known)) return
      map.delete(key)
      map.set(key, known)
      revision += 1
      const [oldest] = personal.keys()
      if (personal.size > mostPersonal && oldest !== undefined) personal.delete(oldest)
      if (!isOwn) write(server, known)
      onChange(server, principal, otherLists(before, known))
    },

    lookAgain(server) {
      if (isPersonal(server) || shared.has(server.name)) return
      read(server)
      if (shared.has(server.name)) revision += 1
    },

    get revision() {
      return revision
    },
  }
}

/** Which lists are other ones than those that were known before. */
export function otherLists(before: Known | undefined, now: Known): ListKind[] {
  const { lists } = before ?? { lists: noLists }
  return listKinds.filter((kind) => JSON.stringify(lists[kind]) !== JSON.stringify(now.lists[kind]))
}

/** Who gets credentials, or headers, of its caller's may list what that caller may use. */
function isPersonal({ credentials, requestHeaders = [] }: Server): boolean {
  return (
    credentialsOf(credentials).some(isOfCaller) ||
    (credentials?.clientHeaders ?? []).length > 0 ||
    requestHeaders.length > 0
  )
}

/** By what it is started with: another command, or another version of it, is another server. */
function fileOf({ name, launch, env, mode, cwd }: Server): string {
  const version = JSON.stringify([launch, Object.keys(env).sort(), mode, cwd])
  const hash = createHash('sha256').update(version).digest('hex').slice(0, 16)
  return `${name}-${hash}.json`
}

/** A file that is not there, or not ours any more, is nothing known. */
function readKnown(file: string): Known | undefined {
  let text: string
  try {
    text = readOwnFile(file)
  } catch {
    return undefined
  }
  const read = parseJson(text, fileBytes)
  if (!read.ok || !isObject(read.value) || read.value.v !== 1) return undefined
  const { capabilities, instructions, lists } = read.value
  if (!isObject(capabilities) || !isObject(lists)) return undefined
  const entries = (kind: ListKind): Entry[] =>
    Array.isArray(lists[kind]) ? (lists[kind] as unknown[]).filter(isObject) : []
  return {
    capabilities,
    instructions: typeof instructions === 'string' ? instructions : undefined,
    lists: {
      tools: entries('tools'),
      prompts: entries('prompts'),
      resources: entries('resources'),
      templates: entries('templates'),
    },
  }
}
