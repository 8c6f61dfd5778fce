import type { IncomingMessage, ServerResponse } from 'node:http'

import type { Clock } from '../ground/clock.ts'

import { textOf } from './messages.ts'
import { passedHeaders } from './passed-headers.ts'
import { keepStream, pour } from './relayed-stream.ts'
import type { RelayedStream } from './relayed-stream.ts'
import { createReplies, refusals } from './replies.ts'
import { partFormat } from './sse-parts.ts'
import { understandsPriming } from './sse-stream.ts'
import { createStreams } from './streams.ts'

/**
 * The streams of an HTTP server that gives its events no ids: the keeper gives them some and keeps
 * what was sent, so that a client can come back to them through another gateway. The streams of a
 * server with ids of its own pass untouched, and to resume them is the server's business.
 */
export interface RelayedStreams {
  /**
   * Answers a GET that goes on with a stream of the keeper's.
   *
   * @returns false when the request is for the server. An event id that would mean nothing to it is
   * then no longer among the headers.
   */
  serve(request: IncomingMessage, response: ServerResponse): boolean
  /** Passes on what the server has answered. */
  carry(request: IncomingMessage, answer: IncomingMessage, response: ServerResponse): void
}

const prefix = 'berth-'
const prefixOfGet = `${prefix}get`
const prefixOfPost = `${prefix}post`
const eventStream = /^text\/event-stream\s*(;|$)/i

/** @param onBytes is told of what comes on streams that are kept */
export function createRelayedStreams(
  clock: Clock,
  onBytes: (count: number) => void,
): RelayedStreams {
  const streams = createStreams<ServerResponse>({ clock, format: partFormat })
  let sessionId: string | undefined
  let version: string | undefined
  let hasOwnIds = false
  /** The GET stream that the server has open: it would refuse a second one. */
  let standalone: RelayedStream | undefined
  let standaloneUrl: string | undefined

  function learn({ method, headers }: IncomingMessage, answer: IncomingMessage): void {
    if ((answer.statusCode ?? 0) >= 300) return
    const given = textOf(answer.headers['mcp-session-id']) ?? textOf(headers['mcp-session-id'])
    if ((given ?? sessionId) !== sessionId || method === 'DELETE') standalone?.end()
    sessionId = given ?? sessionId
  }

  function isKept({ method, headers }: IncomingMessage, answer: IncomingMessage): boolean {
    const { statusCode, headers: answered } = answer
    return (
      !hasOwnIds &&
      statusCode === 200 &&
      eventStream.test(answered['content-type'] ?? '') &&
      answered['content-encoding'] === undefined &&
      (method === 'POST' || (method === 'GET' && (headers['last-event-id'] ?? '') === ''))
    )
  }

  function keep(request: IncomingMessage, answer: IncomingMessage, response: ServerResponse): void {
    const isStandalone = request.method === 'GET'
    const kept = keepStream({
      clock,
      streams,
      prefix: isStandalone ? prefixOfGet : prefixOfPost,
      isStandalone,
      canPrime: () => understandsPriming(version),
      answer,
      response,
      onBytes,
      onOwnIds: () => (hasOwnIds = true),
      onEnd() {
        if (standalone === kept) standalone = undefined
      },
    })
    if (!isStandalone) return
    // Both were under way at once, and the server has taken both.
    standalone?.end()
    standalone = kept
    standaloneUrl = request.url
  }

  /** @returns whether the client is to have a stream that goes on, or the keeper's refusal */
  function resume(response: ServerResponse, lastEventId: string): boolean {
    const outcome = streams.resume(response, lastEventId)
    if (outcome === 'resumed') return true
    const isOpen = standalone !== undefined && lastEventId.startsWith(`${standalone.key}-`)
    // One that has ended at the server can be opened again.
    if (lastEventId.startsWith(prefixOfGet) && !isOpen) return false
    const replies = createReplies(sessionId)
    // To a reader of events 204 means: do not come back. SDK clients would, after an error.
    if (outcome === 'over') replies.empty(response, 204)
    else replies.refuse(response, refusals.lastEventId)
    return true
  }

  return {
    serve({ method, url, headers }, response) {
      version = textOf(headers['mcp-protocol-version']) ?? version
      if (method !== 'GET' || headers['mcp-session-id'] !== sessionId) return false
      const lastEventId = textOf(headers['last-event-id']) ?? ''
      if (lastEventId.startsWith(prefix)) {
        if (resume(response, lastEventId)) return true
        delete headers['last-event-id']
      } else if (lastEventId !== '') {
        return false
      }
      if (standalone === undefined || url !== standaloneUrl) return false
      standalone.open(response)
      return true
    },

    carry(request, answer, response) {
      learn(request, answer)
      // Its reader has not seen it and cannot come back; the server is let finish.
      if (response.destroyed) {
        answer.resume()
      } else if (isKept(request, answer)) {
        keep(request, answer, response)
      } else {
        pass(answer, response)
      }
    },
  }
}

/** Those of a server that speaks no MCP. */
export const passedStreams: RelayedStreams = {
  serve: () => false,
  carry(_request, answer, response) {
    if (response.destroyed) answer.resume()
    else pass(answer, response)
  },
}

function pass(answer: IncomingMessage, response: ServerResponse): void {
  response.writeHead(answer.statusCode ?? 502, passedHeaders(answer))
  response.flushHeaders()
  pour(answer, response)
}
