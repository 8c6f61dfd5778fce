import type { IncomingHttpHeaders } from 'node:http'

import type { OnFault } from '../ground/guarded.ts'
import type { RpcId } from '../ground/jsonrpc.ts'
import type { Protocol } from '../protocols/protocol.ts'
import type { ClientEnd } from './client-end.ts'
import type { Held } from './held.ts'
import { createHeld } from './held.ts'
import type { Transitions } from './machine.ts'
import { createMachine } from './machine.ts'
import type { SseEvent } from './sse.ts'
import type { Streamed } from './streamed.ts'
import { createStreamed } from './streamed.ts'

export type AnswerState =
  /** Nothing has been said: it may still be an error of ours. */
  | 'waiting'
  /** A plain answer that may still become one, because it is held back until it is complete. */
  | 'held'
  /** A plain answer that is too long for that. If it cannot be completed, it is cut. */
  | 'passing'
  /** Events, between which an error of ours may stand. */
  | 'streaming'
  | 'over'

export type AnswerHappening = 'plain' | 'events' | 'overflowed' | 'ended' | 'failed'

export const answerTransitions: Transitions<AnswerState, AnswerHappening> = {
  waiting: { plain: 'held', events: 'streaming', failed: 'over' },
  held: { overflowed: 'passing', ended: 'over', failed: 'over' },
  passing: { ended: 'over', failed: 'over' },
  streaming: { ended: 'over', failed: 'over' },
  over: {},
}

/** What a client is answered, from the worker's head to the last byte. */
export interface Answer {
  is(state: AnswerState): boolean
  /** @returns false when there is one already, or it is too late */
  head(statusCode: number, headers: IncomingHttpHeaders): boolean
  write(chunk: Buffer): void
  /** Reads the events of what is still to be sent. */
  read(): void
  /** Whether it is a stream, and something may be put behind what was sent. */
  atBoundary(): boolean
  /** Puts a comment there. */
  comment(bytes: string): void
  /** It is complete. */
  end(): void
  /**
   * It will not be: says so where that is still possible, else cuts it.
   *
   * @param left the requests that have no answer yet
   */
  fail(error: unknown, left: readonly RpcId[]): void
  /** Nothing more is to be said: a stream ends, and anything else is cut. */
  close(): void
}

export interface AnswerOptions {
  protocol: Protocol
  kind: 'post' | 'get'
  /** Ids of the requests that it answers, for errors. */
  ids: RpcId[]
  requestId: string
  /** For every reply: CORS. */
  extraHeaders: Readonly<Record<string, string>>
  publicId: string | undefined
  /** Whether it runs elsewhere, and asks for tokens of its own: its 401 is the client's to answer. */
  isElsewhere?: boolean
}

/**
 * @param reader makes what is told of the events, where the answer is a stream
 * @param onFault what is thrown while nobody has called this
 */
export function createAnswer(
  options: AnswerOptions,
  client: ClientEnd,
  reader: () => (event: SseEvent) => void,
  onFault: OnFault,
): Answer {
  const { protocol, publicId, requestId, extraHeaders } = options
  const machine = createMachine(answerTransitions, 'waiting')
  let held: Held | undefined
  let streamed: Streamed | undefined

  /** From here on it is too late for an error of our own. */
  const pass = (): void => {
    if (machine.take('overflowed')) held?.pass()
  }
  const atBoundary = (): boolean => machine.is('streaming') && streamed?.atBoundary() === true

  return {
    is: machine.is,
    atBoundary,
    comment(bytes) {
      if (atBoundary()) streamed?.add(bytes)
    },
    head(statusCode, headers) {
      const isStream = protocol.isStream(headers['content-type'])
      if (!machine.take(isStream ? 'events' : 'plain')) return false
      const passesChallenge = statusCode === 401 && options.isElsewhere === true
      const out = protocol.toClient(headers, publicId, passesChallenge)
      Object.assign(out, extraHeaders)
      if (isStream) {
        // What the worker meant to write is not all that may be written.
        delete out['content-length']
        out['cache-control'] ??= 'no-cache, no-transform'
        out['x-accel-buffering'] ??= 'no'
        streamed = createStreamed(client, { statusCode, headers: out }, reader(), onFault)
      } else {
        held = createHeld(client, statusCode, out)
        // Its end is not known yet, so that it may be a stream of another kind.
        if (protocol.isPlain && headers['content-length'] === undefined) pass()
      }
      return true
    },
    write(chunk) {
      if (machine.is('streaming')) streamed?.write(chunk)
      else if (machine.is('passing')) client.bytes(chunk)
      else if (machine.is('held') && held?.add(chunk) === false) pass()
    },
    read() {
      if (machine.is('streaming')) streamed?.read()
    },
    end() {
      if (machine.is('held')) held?.send()
      else if (machine.is('streaming')) streamed?.end()
      else if (machine.is('passing')) client.end()
      machine.take('ended')
    },
    fail(error, left) {
      if (machine.is('waiting') || machine.is('held')) {
        const to = options.kind === 'get' ? 'stream' : 'message'
        const reply = protocol.reply(error, { requestId, ids: options.ids, publicId, to })
        client.whole(reply.statusCode, { ...extraHeaders, ...reply.headers }, reply.body)
      } else if (atBoundary() && !protocol.isPlain) {
        streamed?.end(left.map((id) => protocol.errorEvent(error, requestId, id)).join(''))
      } else if (machine.is('streaming')) {
        streamed?.cut()
      } else if (!machine.is('over')) {
        client.cut()
      }
      machine.take('failed')
    },
    close() {
      if (machine.is('streaming')) streamed?.end()
      else if (!machine.is('over')) client.cut()
      machine.take('failed')
    },
  }
}
