import type { Dispatcher } from 'undici'

import { redirectTarget } from '../ground/wrong-answer.ts'
import type { Session } from '../sessions/session.ts'
import type { Upstream } from './client-end.ts'
import type { Receiver } from './received.ts'
import type { Upstreams } from './upstreams.ts'

/** A server that redirects more often goes round in circles. */
export const hopsAtMost = 5
/** What a redirect says in its body is read and forgotten, so that its connection can be used on. */
const bodyAtMost = 64 * 1024
/** Requests of a session go to one path, and to another each for what a protocol adds. */
const placesAtMost = 16

/**
 * Follows 307 and 308 within the origin of a worker, as `/mcp` to `/mcp/` where a framework minds the
 * slash (RFC 9110 15.4.8 and 15.4.9: the same request again). Where a redirect has led is remembered
 * for the session. Any other redirect is the answer.
 *
 * Whatever a redirect names, the request goes over the session's own connections.
 */
export function followRedirects(
  upstreams: Upstreams,
  { endpoint, server }: Pick<Session, 'endpoint' | 'server'>,
): Upstreams {
  const moved = new Map<string, string>()
  const remember = (from: string, to: string): void => {
    if (moved.size < placesAtMost || moved.has(from)) moved.set(from, to)
  }

  function dispatch(options: Dispatcher.DispatchOptions, receiver: Receiver): void {
    const { path: asked, body } = options
    let hops = 0
    const send = (path: string): void => {
      let upstream: Upstream | undefined
      let next: string | undefined
      let skipped = 0
      const goOn = (place: string): void => {
        hops += 1
        if (isOnce(body)) {
          // The next one goes straight there.
          remember(asked, place)
          receiver.broke(
            new Error(
              'It has moved to another path while a long message was sent. Send that again.',
            ),
          )
        } else send(place)
      }
      upstreams.dispatch(
        { ...options, path },
        {
          sent(controller) {
            upstream = controller
            receiver.sent(controller)
          },
          head(statusCode, headers) {
            const place = placeWithin({ endpoint, server }, statusCode, headers.location, path)
            if (place !== undefined && hops < hopsAtMost) {
              next = place
              return
            }
            if (hops > 0 && statusCode < 300) remember(asked, path)
            receiver.head(statusCode, headers)
          },
          data(chunk) {
            if (next === undefined) {
              receiver.data(chunk)
              return
            }
            skipped += chunk.length
            if (skipped > bodyAtMost) upstream?.abort(new Error('A redirect needs no such body.'))
          },
          end() {
            if (next === undefined) receiver.end()
            else goOn(next)
          },
          broke(cause) {
            if (next === undefined) receiver.broke(cause)
            else goOn(next)
          },
        },
      )
    }
    send(moved.get(asked) ?? asked)
  }
  return { dispatch, destroy: () => upstreams.destroy() }
}

/** What comes as it is read cannot be sent again. */
function isOnce(body: Dispatcher.DispatchOptions['body']): boolean {
  return body !== null && body !== undefined && !Buffer.isBuffer(body)
}

/**
 * Path and query that a request is redirected to, method and body unchanged.
 *
 * @returns undefined for any other answer, and for a place that is not the worker's own
 */
export function placeWithin(
  { endpoint, server: { launch } }: Pick<Session, 'endpoint' | 'server'>,
  statusCode: number,
  location: string | undefined,
  from: string,
): string | undefined {
  if (statusCode !== 307 && statusCode !== 308) return undefined
  const target = redirectTarget(statusCode, location, `${endpoint.origin}${from}`)
  if (location === undefined || target === undefined) return undefined
  // A worker may name itself by the address that it listens on, or by what it was called.
  const isOwn = launch.kind === 'local' && target.host === endpoint.host
  if (target.origin !== new URL(endpoint.origin).origin && !isOwn) return undefined
  return `${target.pathname}${new URL(location, `${endpoint.origin}${from}`).search}`
}
