import type { Clock } from '../ground/clock.ts'

import type { Replies } from './replies.ts'
import type { Reply } from './reply.ts'
import type { SseStream } from './sse-stream.ts'

/**
 * What a POST of requests is answered with: plain JSON when nothing but the responses comes, and
 * at once; otherwise a stream of events, whose head goes out without waiting for the first one.
 */
export interface PostAnswer {
  /** Whether what is sent here can reach the client, now or when it resumes. */
  isReachable(): boolean
  /** Carries a message that is not a response. */
  tell(json: string): void
  /**
   * Carries the response to one of the requests; the last one ends the answer.
   *
   * @param statusCode for the case that this decides the status: the answer is still undecided
   */
  respond(json: string, statusCode?: number): void
}

export interface PostAnswerOptions {
  reply: Reply
  clock: Clock
  /** Makes the reply the connection of a new stream. */
  openStream(reply: Reply): SseStream
  replies: Replies
  /** How long it may take and still be answered without opening a stream. */
  undecidedMs: number
  /** How many requests the POST carried. */
  requests: number
  isBatch: boolean
}

export function createPostAnswer(options: PostAnswerOptions): PostAnswer {
  const { reply, clock, replies, isBatch } = options
  const early: string[] = []
  let pending = options.requests
  let status = 200
  let decision: 'undecided' | 'json' | SseStream = 'undecided'
  const decided = clock.after(options.undecidedMs, () => stream())

  function stream(): SseStream | undefined {
    if (decision === 'json') return undefined
    if (decision !== 'undecided') return decision
    decided.cancel()
    const sse = options.openStream(reply)
    decision = sse
    for (const json of early) sse.send(json)
    return sse
  }

  return {
    isReachable: () =>
      decision === 'undecided' ? !reply.destroyed : decision !== 'json' && decision.isReachable(),
    tell: (json) => stream()?.send(json),
    respond(json, statusCode = 200) {
      pending -= 1
      if (decision === 'undecided') {
        early.push(json)
        status = Math.max(status, statusCode)
        if (pending > 0) return
        decided.cancel()
        decision = 'json'
        replies.json(reply, status, isBatch ? `[${early.join(',')}]` : json)
      } else if (decision !== 'json') {
        if (pending === 0) decision.finish(json)
        else decision.send(json)
      }
    },
  }
}
