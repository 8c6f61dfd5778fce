import type { IncomingHttpHeaders } from 'node:http'

import type { Peek, Protocol } from '../protocols/protocol.ts'
import { createSseReader } from './sse.ts'

/** What the worker has answered so far to the request that opens a session. */
export interface Answered {
  readonly statusCode: number
  readonly headers: IncomingHttpHeaders
  /** Held back until the client may have them. */
  readonly chunks: Buffer[]
}

/** `senseless`: neither a result nor an error, so that no client could make anything of it. */
export type Verdict = 'accepted' | 'refused' | 'senseless'

/** Reads along with such an answer. */
export interface Judge {
  data(chunk: Buffer): void
  /** The answer is complete. */
  end(): void
}

/** @param settle called once, as soon as it is known what the answer means */
export function createJudge(
  protocol: Pick<Protocol, 'isStateless' | 'isStream' | 'readMessage'>,
  { statusCode, headers, chunks }: Answered,
  settle: (verdict: Verdict, result?: Peek) => void,
): Judge {
  const isStream = protocol.isStream(headers['content-type'])
  let isSettled = false
  const say = (verdict: Verdict, result?: Peek): void => {
    if (isSettled) return
    isSettled = true
    settle(verdict, result)
  }
  /** The first response is what counts. */
  const read = (text: string, isCut: boolean): void => {
    for (const message of [protocol.readMessage(text, isCut)].flat()) {
      if (message.kind !== 'response') continue
      const isResult = statusCode < 300 && message.outcome !== 'error'
      say(isResult ? 'accepted' : 'refused', message)
    }
  }
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
      if (!isStream && !isSettled) read(Buffer.concat(chunks).toString('utf8'), false)
      say(statusCode >= 400 ? 'refused' : 'senseless')
    },
  }
}
