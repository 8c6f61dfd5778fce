import type { SessionRecord } from '../../record.ts'

/** What scripts read, and so stands in Redis as it is. All else is JSON, which no script reads. */
const plain: ReadonlySet<string> = new Set(['id', 'key', 'state', 'host', 'principal'])

/** Fields and values of the hash of a record, by turns. */
export function encode(record: Partial<SessionRecord>): string[] {
  return Object.entries<unknown>(record).flatMap(([key, value]) => {
    if (value === undefined) return []
    return [key, typeof value === 'string' && plain.has(key) ? value : JSON.stringify(value)]
  })
}

/** @returns undefined for a hash that is not there */
export function decode(fields: Record<string, string>): SessionRecord | undefined {
  const own = Object.entries(fields).filter(([key]) => !key.startsWith('lease.'))
  if (own.length === 0) return undefined
  const values = own.map(([key, text]): [string, unknown] => [
    key,
    plain.has(key) ? text : JSON.parse(text),
  ])
  return Object.fromEntries(values) as SessionRecord
}

/** The same from fields and values by turns, as scripts give them. */
export function decodeFlat(flat: readonly string[]): SessionRecord | undefined {
  const fields: Record<string, string> = {}
  for (let at = 0; at + 1 < flat.length; at += 2) fields[flat[at] ?? ''] = flat[at + 1] ?? ''
  return decode(fields)
}
