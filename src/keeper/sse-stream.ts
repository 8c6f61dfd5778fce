import type { OutgoingHttpHeaders } from 'node:http'

import type { EventLog, LoggedEvent, Trail } from './event-log.ts'
import { carriesHeader } from './protocol.ts'
import type { Reply } from './reply.ts'
import type { Restraint } from './restraint.ts'
import type { SsePart } from './sse-parts.ts'

/** More than this may not wait for one slow reader, beside the one message that is on its way. */
const backlogBytes = 4 * 1024 * 1024

/**
 * A stream of server-sent events that outlives its connections: what comes while none is there is
 * logged, and a later connection goes on where the client says that it was.
 */
export interface SseStream<R extends Reply = Reply> {
  /** What the ids of its events begin with. */
  readonly key: string
  isLive(): boolean
  /**
   * Whether what is sent here can reach the client, now or when it comes back. A client that left
   * before it had seen an event has no place on this stream to come back to.
   */
  isReachable(): boolean
  /** Whether its connection, if there is one, takes more without keeping it in memory. */
  hasRoom(): boolean
  /** Makes this reply the connection of the stream, in place of the one before. */
  open(reply: R): void
  /** The same, for a stream whose first event may come at any moment: the head, and no more. */
  begin(reply: R): void
  /** The same, going on after this event. */
  resume(reply: R, after: number): Resumption
  /** Gives the client a place to come back to before there is a message; false if it has none. */
  prime(): boolean
  /** Sends or logs a message; one that can never reach the client is dropped. */
  send(content: string): void
  /** Sends or logs what came in one go; what is no event is sent now or never. */
  sendParts(parts: readonly SsePart[]): void
  /** Ends the stream, after a last message; a client that missed something can still resume. */
  finish(content?: string): void
  /** Ends it as its source did, in the middle: who is there is to see a cut and no end. */
  breakOff(): void
  /** Forgets the stream, and hands over its connection to whoever goes on with it. */
  letGo(): R | undefined
}

/**
 * The reply is used only if it is `resumed`. `over`: the client has had all of the stream.
 * `unknown`: there is no such event, or what came after it is not in the log any more.
 */
export type Resumption = 'resumed' | 'over' | 'unknown'

export interface SseStreamOptions {
  key: string
  log: EventLog
  headers: Readonly<OutgoingHttpHeaders>
  /** Whether the client understands an event without data (MCP 2025-11-25). */
  canPrime: () => boolean
  /** Whether a client may open it without having seen an event: then everything is logged. */
  isStandalone: boolean
  /** Called when there may be room again; `hasRoom` tells. */
  onRoom?: () => void
  /** Holds back what writes to it while its reader is behind. */
  restraint?: Restraint | undefined
  /** Called when the stream has ended and the log holds nothing of it. */
  onSpent: () => void
}

/** Whether clients of this version understand an event without data. */
export const understandsPriming = (version: string | undefined): boolean =>
  version !== undefined && version >= '2025-11-25'

export function createSseStream<R extends Reply>(options: SseStreamOptions): SseStream<R> {
  const { key, log, headers, canPrime, isStandalone, onRoom, onSpent, restraint } = options
  const { encoding } = log.format
  let connection: R | undefined
  let heaviestBytes = 0
  let isResumable = isStandalone
  let hasEnded = false
  const trail: Trail = {
    key,
    last: 0,
    lost: 0,
    kept: 0,
    isBehind: () => connection !== undefined && connection.writableLength > 0,
    onEmpty() {
      if (hasEnded) onSpent()
    },
  }

  const isLive = (): boolean => connection !== undefined && !connection.writableEnded

  function hangUp(): void {
    if (connection === undefined || connection.writableEnded) return
    restraint?.freed(connection)
    // A reader that is behind would keep what waits for it in memory until it has read it all.
    if (connection.writableNeedDrain) connection.destroy()
    else connection.end()
    connection = undefined
  }

  function connect(reply: R, head: Readonly<OutgoingHttpHeaders>): void {
    hangUp()
    connection = reply
    heaviestBytes = 0
    reply.on('close', () => {
      restraint?.freed(reply)
      if (connection !== reply) return
      connection = undefined
      onRoom?.()
    })
    if (onRoom !== undefined) reply.on('drain', onRoom)
    if (restraint !== undefined) reply.on('drain', () => restraint.freed(reply))
    reply.writeHead(200, head)
  }

  function attach(reply: R, missed: LoggedEvent[], head = headers): void {
    // Its 'close' has come already, so nothing would ever detach it.
    if (reply.destroyed) return
    connect(reply, head)
    for (const event of missed) write(event.frame, [event])
    if (hasEnded) {
      restraint?.freed(reply)
      reply.end()
    } else if (missed.length === 0) {
      if (!prime()) reply.flushHeaders()
    }
    onRoom?.()
  }

  function prime(): boolean {
    if (connection === undefined || connection.writableEnded || !canPrime()) return false
    trail.last += 1
    isResumable = true
    connection.write(`id: ${key}-${trail.last}\ndata: \n\n`, 'latin1')
    return true
  }

  function write(text: string, events: readonly LoggedEvent[]): void {
    if (connection === undefined || connection.writableEnded) return
    const waitingBytes = connection.writableLength
    if (waitingBytes === 0) heaviestBytes = 0
    if (waitingBytes - heaviestBytes > backlogBytes) {
      restraint?.freed(connection)
      connection.destroy()
      connection = undefined
      return
    }
    connection.write(text, encoding)
    let bytes = 0
    for (const event of events) {
      bytes += event.bytes
      isResumable = true
      log.markSent(event)
    }
    heaviestBytes = Math.max(heaviestBytes, bytes)
    restraint?.wrote(connection, waitingBytes + bytes - heaviestBytes)
  }

  const isReachable = (): boolean => isLive() || isResumable

  function send(content: string): void {
    if (!isReachable()) return
    const event = log.add(trail, content)
    write(event.frame, [event])
  }

  function end(): void {
    hasEnded = true
    if (trail.kept === 0) onSpent()
  }

  return {
    key,
    isLive,
    isReachable,
    hasRoom: () => connection?.writableNeedDrain !== true,
    open: (reply) => attach(reply, log.unsent(trail)),
    begin(reply) {
      connect(reply, headers)
      reply.flushHeaders()
    },
    resume(reply, after) {
      if (after < trail.lost || after > trail.last) return 'unknown'
      if (hasEnded && after === trail.last) return 'over'
      const carries = !hasEnded && !isStandalone ? { [carriesHeader]: 'exchange' } : {}
      attach(reply, log.after(trail, after), { ...headers, ...carries })
      return 'resumed'
    },
    prime,
    send,
    sendParts(parts) {
      if (!isReachable()) return
      const events: LoggedEvent[] = []
      let text = ''
      for (const { bytes, isEvent } of parts) {
        if (isEvent) {
          const event = log.add(trail, bytes)
          events.push(event)
          text += event.frame
        } else {
          text += bytes
        }
      }
      if (text !== '') write(text, events)
    },
    finish(content) {
      if (content !== undefined) send(content)
      end()
      if (connection === undefined || connection.writableEnded) return
      restraint?.freed(connection)
      connection.end()
    },
    breakOff() {
      if (hasEnded) return
      end()
      connection?.destroy()
    },
    letGo() {
      const given = connection
      connection = undefined
      onSpent()
      return given
    },
  }
}
