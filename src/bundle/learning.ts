import { fieldsOf, isObject } from '../ground/objects.ts'
import type { ListKind } from '../protocols/lists.ts'
import { listKinds, listsOf } from '../protocols/lists.ts'
import type { Entry, Known, Lists } from './catalogue.ts'

/** Of a list longer than this the rest is left out, and told of. */
export const mostEntries = 1000
export const mostListBytes = 1024 * 1024
const mostPages = 100
const longestKey = 1024
const instructionsLength = 4096

/**
 * Sends a request to a server.
 *
 * @returns its result; undefined where it does not know the request
 * @throws what else came, or did not come
 */
export type Ask = (
  method: string,
  params: Record<string, unknown>,
) => Promise<Readonly<Record<string, unknown>> | undefined>

/** Told of what is not taken over. */
export type LeftOut = (kind: ListKind, why: string) => void

/** All that a fresh session tells of its server. @param initialized the result of `initialize` */
export async function learn(
  ask: Ask,
  initialized: Readonly<Record<string, unknown>>,
  leftOut: LeftOut,
): Promise<Known> {
  const { instructions } = initialized
  const capabilities = fieldsOf(initialized.capabilities)
  const found = await Promise.all(
    listKinds.map(async (kind) => {
      const isThere = isObject(capabilities[listsOf[kind].capability])
      return [kind, isThere ? await learnList(ask, kind, leftOut) : []] as const
    }),
  )
  return {
    capabilities,
    instructions:
      typeof instructions === 'string' ? instructions.slice(0, instructionsLength) : undefined,
    lists: Object.fromEntries(found) as unknown as Lists,
  }
}

/** One list, all its pages. A server that does not know the request has nothing of the kind. */
export async function learnList(ask: Ask, kind: ListKind, leftOut: LeftOut): Promise<Entry[]> {
  const { method, member, key } = listsOf[kind]
  const entries: Entry[] = []
  let bytes = 0
  let cursor: string | undefined
  for (let page = 0; page < mostPages; page += 1) {
    const result = await ask(method, cursor === undefined ? {} : { cursor })
    const listed: unknown = result?.[member]
    if (!Array.isArray(listed)) return entries
    for (const entry of listed as unknown[]) {
      const name = isObject(entry) ? entry[key] : undefined
      if (!isObject(entry) || typeof name !== 'string' || name === '') continue
      if (name.length > longestKey) {
        leftOut(kind, `a ${key} is longer than ${longestKey} letters`)
        continue
      }
      bytes += JSON.stringify(entry).length
      if (entries.length >= mostEntries || bytes > mostListBytes) {
        leftOut(kind, `there are more than ${mostEntries}, or they are longer than 1 MiB`)
        return entries
      }
      entries.push(entry)
    }
    const { nextCursor } = result ?? {}
    if (typeof nextCursor !== 'string' || nextCursor === cursor) return entries
    cursor = nextCursor
  }
  return entries
}
