import type { RpcId } from '../ground/jsonrpc.ts'
import { parsedLength } from '../ground/json.ts'
import { eventText } from '../ground/whole-events.ts'
import type { Protocol } from '../protocols/protocol.ts'
import { reopenedKey, withMember } from '../protocols/with-member.ts'
import type { Reopened } from '../sessions/record.ts'
import type { Downstream } from './downstream.ts'

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
    if (isStream) write(Buffer.from(eventText(JSON.stringify(logged))))
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
