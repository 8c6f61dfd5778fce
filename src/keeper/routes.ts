import type { RpcMessage } from '../ground/jsonrpc.ts'

import type { Exchanges } from './exchanges.ts'
import { relatedTask } from './messages.ts'
import type { Message } from './messages.ts'
import type { PostAnswer } from './post-answer.ts'
import type { SseStream } from './sse-stream.ts'

/**
 * Carries a message of the server that is not a response. Standard output tells no relation between
 * a request of the server and the call that caused it, so where no token and no task tells, the
 * only open call is taken for the cause; among several, none.
 */
export function carryToClient(
  { json, rpc }: Message,
  exchanges: Exchanges,
  standalone: SseStream,
): void {
  const related = relatedAnswer(rpc, exchanges)
  if (related !== undefined) {
    related.tell(json)
    return
  }
  const open = exchanges.openAnswers()
  const newest = open.at(-1)
  if (newest === undefined || (open.length > 1 && standalone.isLive())) standalone.send(json)
  else newest.tell(json)
}

function relatedAnswer(message: RpcMessage, exchanges: Exchanges): PostAnswer | undefined {
  const isProgress = message.method === 'notifications/progress'
  const byToken = isProgress ? exchanges.byToken(message.params?.['progressToken']) : undefined
  return byToken ?? exchanges.byTask(relatedTask(message))
}
