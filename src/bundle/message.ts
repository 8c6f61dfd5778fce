import { outlineJson } from '../ground/json.ts'
import { fieldsOf, isObject } from '../ground/objects.ts'

/**
 * One message with the places in it that a bundle may have to rename: id, name, token, URI. All else
 * stays byte for byte, and to look costs a few microseconds, or milliseconds where it is long.
 */
export interface Message {
  readonly bytes: Buffer
  readonly id: unknown
  readonly method: unknown
  readonly params: Readonly<Record<string, unknown>>
  readonly result: Readonly<Record<string, unknown>>
  readonly spans: ReadonlyMap<string, readonly Span[]>
}

type Span = readonly [from: number, to: number]

/** What ties a message to a task (2025-11-25, tasks). */
export const relatedTask = 'io.modelcontextprotocol/related-task'

const wanted: ReadonlySet<string> = new Set([
  ...['id', 'method', 'params', 'result', 'error'],
  ...['name', 'uri', 'cursor', 'level', 'requestId', 'progressToken', 'taskId', 'task'],
  ...['ref', 'type', 'protocolVersion', '_meta', relatedTask],
])

/** @returns undefined for what is no JSON object, or too intricate to look into */
export function readMessage(bytes: Buffer): Message | undefined {
  const spans = new Map<string, Span[]>()
  const read = outlineJson(bytes, {
    wanted,
    onMember(path, from, to) {
      const known = spans.get(path)
      if (known === undefined) spans.set(path, [[from, to]])
      else known.push([from, to])
    },
  })
  if (!read.ok || !isObject(read.value)) return undefined
  const { id, method, params, result } = read.value
  return { bytes, id, method, params: fieldsOf(params), result: fieldsOf(result), spans }
}

/**
 * The message with other values at these places. A place that is not there is left out; of one that
 * is there twice, both are replaced, whichever its reader takes.
 *
 * @param values by path (`params/name`), as JSON
 */
export function withValues(message: Message, values: Readonly<Record<string, string>>): Buffer {
  const edits: { from: number; to: number; text: string }[] = []
  for (const path in values) {
    for (const [from, to] of message.spans.get(path) ?? []) {
      edits.push({ from, to, text: values[path] ?? '' })
    }
  }
  if (edits.length === 0) return message.bytes
  edits.sort((a, b) => a.from - b.from)
  const parts: Buffer[] = []
  let at = 0
  for (const { from, to, text } of edits) {
    // A member within one that is replaced itself.
    if (from < at) continue
    parts.push(message.bytes.subarray(at, from), Buffer.from(text))
    at = to
  }
  parts.push(message.bytes.subarray(at))
  return Buffer.concat(parts)
}

/** The JSON of a member, as it stands. */
export function textAt(message: Message, path: string): string | undefined {
  const span = message.spans.get(path)?.at(-1)
  return span === undefined ? undefined : message.bytes.toString('utf8', ...span)
}
