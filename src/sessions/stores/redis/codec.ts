import { parseJson } from '../../../ground/json.ts'
import type { SessionRecord } from '../../record.ts'
import { recordLength } from '../../record.ts'

/** What scripts read, and so stands in Redis as it is. All else is JSON, which no script reads. */
const plain: ReadonlySet<string> = new Set(['id', 'key', 'state', 'host', 'principal'])

/** Fields and values of the hash of a record, by turns. */
export function encode(record: Partial<SessionRecord>): string[] {
  return Object.entries<unknown>(record).flatMap(([key, value]) => {
    if (value === undefined) return []
    return [key, typeof value === 'string' && plain.has(key) ? value : JSON.stringify(value)]
  })
}

/** @returns undefined for a hash that is not there, or that somebody else has written */
export function decode(fields: Record<string, string>): SessionRecord | undefined {
  const own = Object.entries(fields).filter(([key]) => !key.startsWith('lease.'))
  if (own.length === 0) return undefined
  const values: [string, unknown][] = []
  for (const [key, text] of own) {
    const read = plain.has(key) ? { ok: true, value: text } : parseJson(text, recordLength)
    if (!read.ok) return undefined
    values.push([key, read.value])
  }
  return Object.fromEntries(values) as SessionRecord
}

/** The same from fields and values by turns, as scripts give them. */
export function decodeFlat(flat: readonly string[]): SessionRecord | undefined {
  const fields: Record<string, string> = {}
  for (let at = 0; at + 1 < flat.length; at += 2) fields[flat[at] ?? ''] = flat[at + 1] ?? ''
  return decode(fields)
}
