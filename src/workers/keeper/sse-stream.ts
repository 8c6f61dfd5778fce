import type { ServerResponse } from 'node:http'

import type { EventLog, LoggedEvent, Trail } from './event-log.ts'

/** More than this may not wait for one slow reader, beside the one message that is on its way. */
const backlogBytes = 4 * 1024 * 1024

/**
 * A stream of server-sent events that outlives its connections: what comes while none is there is
 * logged, and a later connection goes on where the client says that it was.
 */
export interface SseStream {
  isLive(): boolean
  /**
   * Whether what is sent here can reach the client, now or when it comes back. A client that left
   * before it had seen an event has no place on this stream to come back to.
   */
  isReachable(): boolean
  /** Makes this response the connection of the stream, in place of the one before. */
  open(response: ServerResponse): void
  /** The same, going on after this event. */
  resume(response: ServerResponse, after: number): Resumption
  /** Sends or logs a message; one that can never reach the client is dropped. */
  send(json: string): void
  /** Ends the stream, after a last message; a client that missed something can still resume. */
  finish(json?: string): void
}

/**
 * The response is used only if it is `resumed`. `over`: the client has had all of the stream.
 * `unknown`: there is no such event, or what came after it is not in the log any more.
 */
export type Resumption = 'resumed' | 'over' | 'unknown'

export interface SseStreamOptions {
  key: string
  log: EventLog
  headers: Readonly<Record<string, string>>
  /** Whether the client understands an event without data (MCP 2025-11-25). */
  canPrime: () => boolean
  /** Whether a client may open it without having seen an event: then everything is logged. */
  isStandalone: boolean
  /** Called when the stream has ended and the log holds nothing of it. */
  onSpent: () => void
}

export function createSseStream(options: SseStreamOptions): SseStream {
  const { key, log, headers, canPrime, isStandalone, onSpent } = options
  let connection: ServerResponse | undefined
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
    // A reader that is behind would keep what waits for it in memory until it has read it all.
    if (connection.writableNeedDrain) connection.destroy()
    else connection.end()
    connection = undefined
  }

  function attach(response: ServerResponse, missed: LoggedEvent[]): void {
    // Its 'close' has come already, so nothing would ever detach it.
    if (response.destroyed) return
    hangUp()
    connection = response
    heaviestBytes = 0
    response.on('close', () => {
      if (connection === response) connection = undefined
    })
    response.writeHead(200, headers)
    for (const event of missed) write(event)
    if (hasEnded) {
      response.end()
    } else if (missed.length === 0) {
      if (canPrime()) prime(response)
      else response.flushHeaders()
    }
  }

  /** Gives the client a place to come back to before there is a message. */
  function prime(response: ServerResponse): void {
    trail.last += 1
    isResumable = true
    response.write(`id: ${key}-${trail.last}\ndata: \n\n`)
  }

  function write(event: LoggedEvent): void {
    if (connection === undefined || connection.writableEnded) return
    const waitingBytes = connection.writableLength
    if (waitingBytes === 0) heaviestBytes = 0
    if (waitingBytes - heaviestBytes > backlogBytes) {
      connection.destroy()
      connection = undefined
      return
    }
    heaviestBytes = Math.max(heaviestBytes, event.bytes)
    connection.write(event.frame)
    isResumable = true
    log.markSent(event)
  }

  const isReachable = (): boolean => isLive() || isResumable

  function send(json: string): void {
    if (isReachable()) write(log.add(trail, json))
  }

  return {
    isLive,
    isReachable,
    open: (response) => attach(response, log.unsent(trail)),
    resume(response, after) {
      if (after < trail.lost || after > trail.last) return 'unknown'
      if (hasEnded && after === trail.last) return 'over'
      attach(response, log.after(trail, after))
      return 'resumed'
    },
    send,
    finish(json) {
      if (json !== undefined) send(json)
      hasEnded = true
      if (trail.kept === 0) onSpent()
      if (connection !== undefined && !connection.writableEnded) connection.end()
    },
  }
}
