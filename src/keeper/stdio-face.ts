import type { Clock } from '../ground/clock.ts'
import { idKey, isFailure, isRpcId } from '../ground/jsonrpc.ts'
import type { RpcMessage } from '../ground/jsonrpc.ts'

import { createExchanges } from './exchanges.ts'
import { isRecord, readMessages, textOf } from './messages.ts'
import type { Message, Parcel } from './messages.ts'
import type { Beginning } from './first-words.ts'
import { createFirstWords } from './first-words.ts'
import { createPostAnswer } from './post-answer.ts'
import { createReplies, errorJson, idInUse, refusals, serverGone } from './replies.ts'
import type { Refusal } from './replies.ts'
import type { Asked, Reply } from './reply.ts'
import { refuseAccept, refuseSession } from './request-checks.ts'
import { createRestraint } from './restraint.ts'
import { carryToClient } from './routes.ts'
import { understandsPriming } from './sse-stream.ts'
import type { SseStream } from './sse-stream.ts'
import { createStreams } from './streams.ts'

/**
 * The face of a stdio server: MCP Streamable HTTP on one side, one JSON-RPC message a line on
 * the other. One face serves one session, on its own server process.
 */
export interface StdioFace {
  /** Answers one request to the MCP endpoint. The nonce was checked before. */
  handle(asked: Asked, reply: Reply): void
  /** Takes one line of the server's stdout, without its line end. */
  fromServer(line: string): void
  /** Ends every open stream, with a JSON-RPC error for the exchanges that were not answered. */
  serverEnded(how: string, oom?: true): void
}

export interface StdioFaceOptions {
  /** The id that the face gives out at `initialize`. */
  sessionId: string
  clock: Clock
  /** Writes one line to the server's stdin; false when it cannot be written any more. */
  toServer(line: string): boolean
  /**
   * How long a call that says nothing before its answer may take and still be answered as JSON: some
   * clients take no event of more than 1 MiB. Default 20.
   */
  undecidedMs?: number
  /** Reads no more of what the server writes, and goes on reading: a client cannot follow it. */
  hold?(isHeld: boolean): void
  /** A line of stdout that is no JSON-RPC message. It is logged and skipped. */
  onGarbage(line: string): void
  /** Who wants to know how the server begins to speak, and whether anything will come of it. */
  beginning?: Beginning
}

const byteOrderMark = '\ufeff'
const longestVersion = 100
const batchVersion = '2025-03-26'
const deaf = serverGone('The server takes no more messages.')

/** @see `https://modelcontextprotocol.io/specification/2025-11-25/basic/transports` */
export function createStdioFace(options: StdioFaceOptions): StdioFace {
  const { sessionId, clock, undecidedMs = 20 } = options
  let version: string | undefined
  let isDeleted = false
  let gone: Refusal | undefined

  const replies = createReplies(sessionId)
  const exchanges = createExchanges(clock)
  const streams = createStreams({ clock })
  const shape = { headers: replies.eventHeaders, canPrime: () => understandsPriming(version) }
  // Of calls alone: they are not to wait for a client that does not read what nobody has asked for.
  const restraint = options.hold && createRestraint(clock, options.hold)
  const standalone = streams.create({ ...shape, isStandalone: true })
  const { beginning } = options
  const firstWords = beginning && createFirstWords(clock, beginning)

  function openStream(reply: Reply): SseStream {
    const stream = streams.create({ ...shape, restraint, isStandalone: false })
    stream.open(reply)
    return stream
  }

  function post(asked: Asked, reply: Reply): void {
    const { body } = asked
    const parcel = body === undefined ? undefined : readMessages(body)
    if (body === undefined) replies.refuse(reply, refusals.bodyTooLarge)
    else if (parcel === undefined) replies.refuse(reply, refusals.notJson)
    else {
      const refusal = refuseParcel(asked, parcel)
      if (refusal === undefined) carry(parcel, reply)
      else replies.refuse(reply, refusal)
    }
  }

  function refuseParcel(asked: Asked, parcel: Parcel): Refusal | undefined {
    const { isBatch, messages } = parcel
    const [first] = messages
    const isOpening = !isBatch && first?.kind === 'request' && first.rpc.method === 'initialize'
    const refusal = isOpening ? undefined : refuseSession(asked, sessionId, version)
    if (refusal !== undefined) return refusal
    if (isBatch && version !== batchVersion) return refusals.batch
    if (messages.length === 0) return refusals.notRpc

    const ids = new Set<string>()
    for (const { kind, rpc } of messages) {
      if (kind === 'invalid') return refusals.notRpc
      if (kind !== 'request') continue
      if (!isRpcId(rpc.id)) return refusals.notRpc
      if (exchanges.has(rpc.id) || ids.has(idKey(rpc.id))) return idInUse(rpc.id)
      ids.add(idKey(rpc.id))
    }
    if (!exchanges.hasRoom(ids.size)) return refusals.tooMany
    return undefined
  }

  function carry({ isBatch, messages }: Parcel, reply: Reply): void {
    const requests = messages.filter(({ kind }) => kind === 'request')
    if (requests.length > 0) {
      firstWords?.asked()
      const posted = { reply, requests: requests.length, isBatch }
      const answer = createPostAnswer({ ...posted, undecidedMs, clock, openStream, replies })
      for (const { rpc } of requests) if (isRpcId(rpc.id)) exchanges.add(rpc.id, rpc, answer)
    }
    const missed = messages.filter((message) => !pass(message))
    const why = gone ?? deaf
    for (const { kind, rpc } of missed) if (kind === 'request') fail(rpc, why)
    if (requests.length > 0) return
    if (missed.length === 0) replies.empty(reply, 202)
    else replies.refuse(reply, why)
  }

  /** @returns false when the server cannot be told any more */
  function pass({ json, rpc }: Message): boolean {
    const isPassed = gone === undefined && options.toServer(json)
    const cancelled = rpc.method === 'notifications/cancelled' && rpc.params?.['requestId']
    if (isRpcId(cancelled)) {
      exchanges.cancel(cancelled, ({ id, answer }) =>
        answer.respond(errorJson(refusals.cancelled, id)),
      )
    }
    return isPassed
  }

  function fail({ id }: RpcMessage, why: Refusal): void {
    if (!isRpcId(id)) return
    exchanges.close(id)?.answer.respond(errorJson(why, id), why.statusCode)
  }

  function get(asked: Asked, reply: Reply): void {
    const refusal = refuseSession(asked, sessionId, version)
    const lastEventId = asked.headers['last-event-id']
    if (refusal !== undefined) {
      replies.refuse(reply, refusal)
    } else if (lastEventId !== undefined && lastEventId !== '') {
      const outcome = streams.resume(reply, lastEventId)
      if (outcome === 'unknown') replies.refuse(reply, refusals.lastEventId)
      // To a reader of events 204 means: do not come back. SDK clients would, after an error.
      if (outcome === 'over') replies.empty(reply, 204)
    } else if (gone !== undefined) {
      replies.refuse(reply, gone)
    } else {
      standalone.open(reply)
    }
  }

  function remove(asked: Asked, reply: Reply): void {
    const refusal = refuseSession(asked, sessionId, version)
    if (refusal !== undefined) {
      replies.refuse(reply, refusal)
      return
    }
    isDeleted = true
    endAll(refusals.deleted)
    replies.empty(reply, 204)
  }

  function endAll(why: Refusal): void {
    for (const { id, answer } of exchanges.closeAll()) {
      answer.respond(errorJson(why, id), why.statusCode)
    }
    standalone.finish()
  }

  function deliver(message: Message): void {
    if (message.kind === 'invalid') skip(message.json)
    else if (message.kind === 'response') answer(message)
    else if (message.rpc.method === 'initialize') {
      // No server asks for that: a terminal or `cat` says what was said to it.
      firstWords?.gaveAway('echo')
      skip(message.json)
    } else {
      firstWords?.spoke()
      carryToClient(message, exchanges, standalone)
    }
  }

  function skip(line: string): void {
    options.onGarbage(line)
    firstWords?.garbage(line)
  }

  function answer({ json, rpc }: Message): void {
    const exchange = isRpcId(rpc.id) ? exchanges.close(rpc.id, rpc) : undefined
    if (exchange === undefined) {
      const isForgiven = isRpcId(rpc.id) && exchanges.forgive(rpc.id)
      const id = String(rpc.id).slice(0, 80)
      if (isForgiven) return
      if (firstWords?.hasSpoken === false) firstWords.gaveAway('id')
      options.onGarbage(`a response to no open request (id ${id})`)
      return
    }
    firstWords?.spoke()
    if (exchange.method === 'initialize' && !isFailure(rpc) && isRecord(rpc.result)) {
      const agreed = textOf(rpc.result['protocolVersion'])
      // A longer one is no version, and is not kept to be compared with.
      if (agreed !== undefined && agreed.length <= longestVersion) version = agreed
    }
    exchange.answer.respond(json)
  }

  return {
    handle(asked, reply) {
      const { method } = asked
      const isKnown = method === 'POST' || method === 'GET' || method === 'DELETE'
      const refusal = isDeleted
        ? refusals.notFound
        : isKnown
          ? refuseAccept(asked)
          : refusals.method
      if (refusal !== undefined) replies.refuse(reply, refusal)
      else if (method === 'POST') post(asked, reply)
      else if (method === 'GET') get(asked, reply)
      else remove(asked, reply)
    },
    fromServer(text) {
      // A mark of byte order is not JSON, but some runtimes put one before all that they write.
      const line = text.startsWith(byteOrderMark) ? text.slice(1) : text
      if (isDeleted || gone !== undefined || line.trim() === '') return
      const parcel = firstWords?.isHopeless === true ? undefined : readMessages(line)
      if (parcel === undefined) skip(line)
      else parcel.messages.forEach(deliver)
    },
    serverEnded(how, oom) {
      firstWords?.end()
      if (isDeleted || gone !== undefined) return
      gone = serverGone(`The server has ended (${how}).`)
      const refusal = serverGone(`The server ended (${how}) before it answered.`)
      // As the gateway says it of a session that it answers for itself.
      const data = { reason: 'worker-exited', oom: true }
      endAll(oom === undefined ? refusal : { ...refusal, data })
    },
  }
}
