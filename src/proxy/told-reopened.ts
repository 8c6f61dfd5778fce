import type { RpcId } from '../ground/jsonrpc.ts'
import { parseJson, parsedLength } from '../ground/json.ts'
import type { Protocol } from '../protocols/protocol.ts'
import type { Reopened } from '../sessions/record.ts'
import type { Downstream } from './downstream.ts'

/** In `_meta` of a result: the session is another one than its client believes. */
export const reopenedKey = 'mcp-berth/reopened'

/**
 * Tells a client, with the answer to its request, that the state of its session is gone: by a log
 * message where the answer is a stream, and in the result, if that is not longer than 64 KiB. All
 * else passes as it came.
 */
export function tellReopened(
  downstream: Downstream,
  id: RpcId | undefined,
  protocol: Protocol,
  { reason, endedAtMs }: Reopened,
): void {
  const { head, write, end } = downstream
  const endedAt = new Date(endedAtMs).toISOString()
  const member = `"${reopenedKey}":${JSON.stringify({ reason, endedAt })}`
  const logged = {
    jsonrpc: '2.0',
    method: 'notifications/message',
    params: {
      level: 'warning',
      logger: 'berth',
      data: `The session had ended (${reason}). A new one goes on under its id: what the server kept in the old one is gone.`,
    },
  }
  let isStream = false
  let isOver = false
  /** Of an event, or an answer, that is not complete yet. */
  let pending = ''

  const flush = (): void => {
    if (pending !== '') write(Buffer.from(pending, 'latin1'))
    pending = ''
  }

  downstream.head = (statusCode, headers) => {
    isStream = protocol.isStream(headers['content-type'])
    isOver = !isStream && statusCode !== 200
    const { 'content-length': _, ...rest } = headers
    head(statusCode, isOver ? headers : rest)
    if (isStream) write(Buffer.from(`event: message\ndata: ${JSON.stringify(logged)}\n\n`))
  }
  downstream.write = (chunk) => {
    if (isOver) {
      write(chunk)
      return
    }
    pending += chunk.toString('latin1')
    for (let to = endOfEvent(pending); isStream && to !== -1; to = endOfEvent(pending)) {
      const event = pending.slice(0, to)
      const told = event.replace(/^data: ?(.*)$/m, (line, text: string) => {
        const rewritten = withMember(text, id, member)
        return rewritten === undefined ? line : `data: ${rewritten}`
      })
      write(Buffer.from(told, 'latin1'))
      pending = pending.slice(to)
    }
    if (pending.length <= parsedLength) return
    isOver = true
    flush()
  }
  downstream.end = () => {
    if (!isStream && !isOver) pending = withMember(pending, id, member) ?? pending
    flush()
    end()
  }
}

/** Behind the blank line that ends an event; -1 where there is none yet. */
function endOfEvent(text: string): number {
  const found = /\r?\n\r?\n/.exec(text)
  return found === null ? -1 : found.index + found[0].length
}

/** As servers write a response: `result` first, or behind version and id. */
const beforeResult =
  /^\s*\{\s*(?:"(?:jsonrpc|id)"\s*:\s*(?:"[^"\\]*"|-?\d+)\s*,\s*)*"result"\s*:\s*\{/

/**
 * Puts it into the result, all else stays letter for letter.
 *
 * @param text bytes (latin1) of one message
 * @returns undefined for what is not the result of this request, or is written as nobody does
 */
export function withMember(text: string, id: RpcId | undefined, member: string): string | undefined {
  const [before] = beforeResult.exec(text) ?? []
  const read = parseJson(Buffer.from(text, 'latin1').toString())
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
