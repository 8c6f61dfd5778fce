import { textOfBytes } from '../ground/byte-text.ts'
import { parseJson } from '../ground/json.ts'
import type { RpcId } from '../ground/jsonrpc.ts'

/** In `_meta` of a result: the session is another one than its client believes. */
export const reopenedKey = 'mcp-berth/reopened'

/** As servers write a response: `result` first, or behind version and id. */
const beforeResult =
  /^\s*\{\s*(?:"(?:jsonrpc|id)"\s*:\s*(?:"[^"\\]*"|-?\d+)\s*,\s*)*"result"\s*:\s*\{/

/**
 * Puts it into the result, all else stays letter for letter.
 *
 * @param text bytes (latin1) of one message
 * @returns undefined for what is not the result of this request, or is written as nobody does
 */
export function withMember(
  text: string,
  id: RpcId | undefined,
  member: string,
): string | undefined {
  const [before] = beforeResult.exec(text) ?? []
  const read = parseJson(textOfBytes(text))
  if (before === undefined || !read.ok) return undefined
  const { id: answered, result } = read.value as { id?: unknown; result?: unknown }
  if (answered !== id || typeof result !== 'object' || result === null) return undefined
  const rest = text.slice(before.length)
  const { _meta: meta } = result as { _meta?: unknown }
  if (meta === undefined) {
    const comma = Object.keys(result).length === 0 ? '' : ','
    return `${before}"_meta":{${member}}${comma}${rest}`
  }
  // Written by the server itself, and found only where it is the one thing of this name.
  const own = /"_meta"\s*:\s*\{/.exec(rest)
  if (own === null || rest.split('"_meta"').length !== 2 || typeof meta !== 'object')
    return undefined
  const to = own.index + own[0].length
  const comma = Object.keys(meta as object).length === 0 ? '' : ','
  return `${before}${rest.slice(0, to)}${member}${comma}${rest.slice(to)}`
}
