import type { IncomingHttpHeaders } from 'node:http'

import type { RpcId } from '../ground/jsonrpc.ts'
import { idKey } from '../ground/jsonrpc.ts'
import type { Pile } from '../ground/pile.ts'
import type { Peek, Protocol } from '../protocols/protocol.ts'
import { createSseReader } from './sse.ts'

/** What the worker has answered so far to the request that opens a session. */
export interface Answered {
  readonly statusCode: number
  readonly headers: IncomingHttpHeaders
  /** Held back until the client may have them. */
  readonly held: Pile
  /** The response by which it refuses, where that is one of several messages of a stream. */
  refusal?: string
}

/** `senseless`: neither a result nor an error, so that no client could make anything of it. */
export type Verdict = 'accepted' | 'refused' | 'senseless'

/** Reads along with such an answer. */
export interface Judge {
  data(chunk: Buffer): void
  /** The answer is complete. */
  end(): void
}

/**
 * @param id of the request; a result of another is none of this one
 * @param settle called once, as soon as it is known what the answer means
 */
export function createJudge(
  protocol: Pick<Protocol, 'isStateless' | 'isStream' | 'readMessage'>,
  answered: Answered,
  id: RpcId | undefined,
  settle: (verdict: Verdict, result?: Peek) => void,
): Judge {
  const { statusCode, headers, held } = answered
  const isStream = protocol.isStream(headers['content-type'])
  let isSettled = false
  const say = (verdict: Verdict, result?: Peek): void => {
    if (isSettled) return
    isSettled = true
    settle(verdict, result)
  }
  /** The first response to it is what counts. What could not be read is refused without an id. */
  const read = (text: string, isCut: boolean): void => {
    for (const message of [protocol.readMessage(text, isCut)].flat()) {
      if (message.kind !== 'response' || isSettled) continue
      const isError = message.outcome === 'error'
      if (!isOwn(message, isError || isCut)) continue
      const isResult = statusCode < 300 && !isError
      if (!isResult && isStream && !isCut) answered.refusal = text
      say(isResult ? 'accepted' : 'refused', message)
    }
  }
  const isOwn = ({ id: of }: Peek, mayLackId: boolean): boolean =>
    id === undefined || (of === undefined ? mayLackId : idKey(of) === idKey(id))
  const reader = createSseReader(({ data, isCut }) => {
    if (data !== '') read(data, isCut)
  })
  // A server that keeps no sessions may answer what it likes, but 5xx says that it does not work,
  // and a redirect that it is elsewhere.
  const isRedirect = statusCode >= 300 && statusCode < 400
  if (protocol.isStateless && statusCode < 500 && !isRedirect) say('accepted')

  return {
    data(chunk) {
      if (isStream && !isSettled) reader.push(chunk.toString('latin1'))
    },
    end() {
      if (!isStream && !isSettled) read(Buffer.concat(held.chunks).toString('utf8'), false)
      say(statusCode >= 400 ? 'refused' : 'senseless')
    },
  }
}
