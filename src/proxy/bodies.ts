import type { IncomingMessage } from 'node:http'

import { GatewayError } from '../ground/errors.ts'
import { guarded } from '../ground/guarded.ts'
import { createPile } from '../ground/pile.ts'
import { asGatewayError } from '../ground/replies.ts'
import { mayExceed } from '../ground/request-body.ts'
import type { Charge, Incoming } from './incoming.ts'

/**
 * The bodies of requests that are held in memory: whole, because a message has to be known before
 * it is forwarded. There is a limit for all of them, and one for those of each caller.
 */
export interface Bodies {
  /**
   * Reads a body as far as a limit; calls back once.
   *
   * @param done gets ERR_PROXY_BODY_TOO_LARGE, ERR_PROXY_BODIES_FULL, ERR_PROXY_CALLER_BODIES_FULL
   */
  read(request: Reading, payload: IncomingMessage, limit: BodyLimit, done: BodyDone): void
  /** How many bytes are held of all callers, beside those that are free. */
  heldBytes(): number
}

/** What has to be known of a request to read its body. */
export type Reading = Pick<Incoming, 'headers' | 'ip' | 'asked' | 'charge'>

export type BodyDone = (error: Error | null, body?: Buffer) => void

export interface BodyLimit {
  limitBytes: number
  /** What it is called in the configuration. */
  key: string
}

declare module 'fastify' {
  interface FastifyRequest {
    charge: Charge | null
  }
}

const mebibyte = 1024 * 1024

/** So much of each body is free: what most messages are gets through however full it is. */
export const freeBytes = 64 * 1024
const usualInAll = 256 * mebibyte

/** A body that is allowed at all has room for itself, twice. */
export const mostHeld = (largestBytes: number): number => Math.max(usualInAll, 2 * largestBytes)

/** @param mostBytes in all; a caller may hold half of it */
export function createBodies(mostBytes: number): Bodies {
  const callers = new Map<string, number>()
  const mostOfOne = mostBytes / 2
  let heldBytes = 0

  function add(caller: string, bytes: number): void {
    heldBytes += bytes
    const now = (callers.get(caller) ?? 0) + bytes
    if (now > 0) callers.set(caller, now)
    else callers.delete(caller)
  }

  function refusal(caller: string, more: number): GatewayError | undefined {
    if ((callers.get(caller) ?? 0) + more > mostOfOne) {
      const params = { limit: `${Math.floor(mostOfOne / mebibyte)} MiB` }
      return new GatewayError('ERR_PROXY_CALLER_BODIES_FULL', { params, retryAfterSeconds: 5 })
    }
    if (heldBytes + more <= mostBytes) return undefined
    return new GatewayError('ERR_PROXY_BODIES_FULL', { retryAfterSeconds: 5 })
  }

  return {
    heldBytes: () => heldBytes,

    read(request, payload, limit, done) {
      const declared = Number(request.headers['content-length'])
      if (declared > limit.limitBytes) {
        done(new GatewayError('ERR_PROXY_BODY_TOO_LARGE', { params: { ...limit } }))
        return
      }
      const pile = createPile()
      let charged = 0
      let isKept = false
      const giveBack = (): void => {
        if (charged > 0) add(callerOf(request), -charged)
        charged = 0
      }

      const charge: Charge = {
        closed() {
          if (!isKept) giveBack()
        },
        keep() {
          isKept = true
          return giveBack
        },
      }
      const finish = (error: Error | null, body?: Buffer): void => {
        payload.off('data', onData).off('end', onEnd).off('error', onError)
        if (error !== null) {
          pile.take()
          giveBack()
        }
        done(error, body)
      }
      const broken = (thrown: unknown): void => finish(asGatewayError(thrown))
      const onData = guarded((chunk: Buffer) => {
        pile.add(chunk)
        if (pile.bytes > limit.limitBytes) {
          finish(new GatewayError('ERR_PROXY_BODY_TOO_LARGE', { params: { ...limit } }))
          return
        }
        const more = Math.max(0, pile.bytes - freeBytes) - charged
        if (more === 0) return
        const caller = callerOf(request)
        const refused = refusal(caller, more)
        if (refused !== undefined) finish(refused)
        else {
          request.charge = charge
          add(caller, more)
          charged += more
        }
      }, broken)
      const onEnd = guarded(() => {
        if (declared >= 0 && declared !== pile.bytes) finish(new GatewayError('ERR_PROXY_NOT_JSON'))
        // A copy, if it is not one yet: what came is part of what the socket has read.
        else finish(null, pile.chunks.length > 1 ? pile.take() : Buffer.concat([pile.take()]))
      }, broken)
      const onError = guarded(finish, broken)
      payload.on('data', onData).on('end', onEnd).on('error', onError)
      payload.resume()
    },
  }
}

/** Who has no name is known by address. */
function callerOf({ asked, ip }: Reading): string {
  const principal = asked?.principal ?? 'anonymous'
  return principal === 'anonymous' ? `anonymous ${ip}` : principal
}

/** Whether so much may come that something of it is charged. */
export const mayBeCharged = (request: IncomingMessage): boolean => mayExceed(request, freeBytes)

/** Whether a body can go to the worker as it comes: its length is known, and within the limit. */
export function canStream({ headers }: IncomingMessage, { limitBytes }: BodyLimit): boolean {
  const declared = Number(headers['content-length'])
  return declared > 0 && declared <= limitBytes
}

/** The body of a request that nobody has read yet. */
export async function* asItComes(request: IncomingMessage): AsyncGenerator<Buffer> {
  // A worker that takes no more of it ends nothing of the client's, which may still be answered.
  yield* request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>
}

const pieceBytes = 64 * 1024

/** Long enough to be sent in pieces. */
export const isLong = (body: Buffer): boolean => body.length > pieceBytes

/**
 * Sends a long body in pieces, and lets go of it with the last: whoever sends it as a whole holds on
 * to it for as long as its answer takes.
 */
export async function* inPieces(
  held: { body: Buffer | null },
  onSent: () => void,
): AsyncGenerator<Buffer> {
  for (let at = 0; held.body !== null && at < held.body.length; at += pieceBytes) {
    yield await Promise.resolve(held.body.subarray(at, at + pieceBytes))
  }
  held.body = null
  onSent()
}
