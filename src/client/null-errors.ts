import type { Transformer } from 'node:stream/web'

import { parseJson } from '../ground/json.ts'
import { isFailure } from '../ground/jsonrpc.ts'

const nullError = /"error"\s*:\s*null/

/**
 * The same answer without the `"error": null` that some servers write beside a result: the SDK takes
 * such a message for none, and would wait for ever.
 */
export function withoutNullErrors(response: Response): Response {
  const type = response.headers.get('content-type') ?? ''
  const isStream = /^\s*text\/event-stream/i.test(type)
  if (response.body === null || !(isStream || /^\s*application\/json/i.test(type))) return response
  const body = response.body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TransformStream(isStream ? eachLine() : theWhole()))
    .pipeThrough(new TextEncoderStream())
  return new Response(body, response)
}

function theWhole(): Transformer<string, string> {
  let text = ''
  return {
    transform: (chunk) => void (text += chunk),
    flush: (out) => out.enqueue(mended(text)),
  }
}

/** What stands behind `data:` on one line, as nearly all servers write it. */
function eachLine(): Transformer<string, string> {
  let pending = ''
  return {
    transform(chunk, out) {
      const end = Math.max(chunk.lastIndexOf('\n'), chunk.lastIndexOf('\r')) + 1
      if (end === 0) {
        pending += chunk
        return
      }
      const lines = pending + chunk.slice(0, end)
      pending = chunk.slice(end)
      const isMeant = nullError.test(lines)
      out.enqueue(isMeant ? lines.replaceAll(/^(data: ?)([^\r\n]*)/gm, mendedLine) : lines)
    },
    flush: (out) => out.enqueue(pending),
  }
}

/** A longer one is passed on as it came. */
const mendedLength = 4 * 1024 * 1024

const mendedLine = (_line: string, field: string, json: string): string => field + mended(json)

function mended(json: string): string {
  if (!nullError.test(json)) return json
  const read = parseJson(json, mendedLength)
  if (!read.ok) return json
  const { value } = read
  try {
    return JSON.stringify(Array.isArray(value) ? value.map(withoutOne) : withoutOne(value))
  } catch {
    // Nested deeper than it can be written again.
    return json
  }
}

function withoutOne(message: unknown): unknown {
  if (typeof message !== 'object' || message === null || isFailure(message)) return message
  const { error, ...rest } = message as Record<string, unknown>
  return rest
}
