import { parseJson } from '../../../ground/json.ts'
import { isValid } from '../../../ground/schema.ts'
import { recordLength, SessionRecord } from '../../record.ts'

/** What scripts read, and so stands in Redis as it is. All else is JSON, which no script reads. */
const plain: ReadonlySet<string> = new Set(['id', 'key', 'state', 'host', 'principal'])

/** Fields and values of the hash of a record, by turns. */
export function encode(record: Partial<SessionRecord>): string[] {
  return Object.entries<unknown>(record).flatMap(([key, value]) => {
    if (value === undefined) return []
    return [key, typeof value === 'string' && plain.has(key) ? value : JSON.stringify(value)]
  })
}

/** What is in Redis in place of a record, because somebody else has written it. */
export class Garbage extends Error {
  override name = 'Garbage'
}

/**
 * @returns undefined for a hash that is not there
 * @throws Garbage for one that is no record
 */
export function decode(fields: Record<string, string>): SessionRecord | undefined {
  const own = Object.entries(fields).filter(([key]) => !key.startsWith('lease.'))
  if (own.length === 0) return undefined
  const values = own.map(([key, text]): [string, unknown] => [
    key,
    plain.has(key) ? text : parsed('a field', text),
  ])
  const record: unknown = Object.fromEntries(values)
  if (!isValid(SessionRecord, record)) throw new Garbage('its fields are not those of a session')
  return record
}

/**
 * The same from fields and values by turns, as scripts give them.
 *
 * @throws Garbage for what is no such list, too
 */
export function decodeFlat(flat: unknown): SessionRecord | undefined {
  if (!Array.isArray(flat)) throw new Garbage('it is no list of fields')
  const fields: Record<string, string> = {}
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const [key, value] = [flat[at], flat[at + 1]] as [unknown, unknown]
    if (typeof key !== 'string' || typeof value !== 'string') {
      throw new Garbage('its fields are no texts')
    }
    fields[key] = value
  }
  return decode(fields)
}

/** What is told on the channel. @throws Garbage for what is no record */
export function decodeMessage(text: string): SessionRecord | undefined {
  return decodeFlat(parsed('what it says', text))
}

function parsed(what: string, text: string): unknown {
  const read = parseJson(text, recordLength)
  if (!read.ok) throw new Garbage(`${what} is no JSON of a session's`)
  return read.value
}
