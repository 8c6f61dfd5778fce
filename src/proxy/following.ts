import type { Session } from '../sessions/session.ts'
import type { Upstream } from './client-end.ts'
import type { Receiver } from './received.ts'
import type { Asking, Upstreams } from './asking.ts'

/** Whose worker was asked. */
type Asked = Pick<Session, 'endpoint' | 'server'>

/** A server that redirects more often goes round in circles. */
export const hopsAtMost = 5
/** What a redirect says in its body is read and forgotten, so that its connection can be used on. */
const bodyAtMost = 64 * 1024
/** Requests of a session go to one path, and to another each for what a protocol adds. */
const placesAtMost = 16

/**
 * Follows 307 and 308 within the origin of a worker, as `/mcp` to `/mcp/` where a framework minds the
 * slash. Where a redirect has led is remembered for the session. Any other redirect is the answer.
 *
 * Whatever a redirect names, the request goes over the session's own connections.
 */
export function followRedirects(upstreams: Upstreams, session: Asked): Upstreams {
  const moved = new Map<string, string>()
  const remember = (from: string, to: string): void => {
    if (moved.size < placesAtMost || moved.has(from)) moved.set(from, to)
  }

  function dispatch(options: Asking, receiver: Receiver): void {
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
      upstreams.dispatch(path === asked ? options : { ...options, path }, {
        sent(controller) {
          upstream = controller
          receiver.sent(controller)
        },
        head(statusCode, headers) {
          const place = placeWithin(session, statusCode, headers.location, path)
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
      })
    }
    send(moved.get(asked) ?? asked)
  }
  return { dispatch, destroy: () => upstreams.destroy() }
}

/** What comes as it is read cannot be sent again. */
function isOnce(body: Asking['body']): boolean {
  return body !== null && !Buffer.isBuffer(body)
}

/**
 * Path and query that a request is redirected to, method and body unchanged.
 *
 * @returns undefined for any other answer, and for a place that is not the worker's own
 */
export function placeWithin(
  asked: Asked,
  statusCode: number,
  location: string | undefined,
  from: string,
): string | undefined {
  if (!isFollowed(statusCode) || !location) return undefined
  const here = `${asked.endpoint.origin}${from}`
  if (!URL.canParse(location, here)) return undefined
  const target = new URL(location, here)
  return isOwn(target, asked) ? `${target.pathname}${target.search}` : undefined
}

/** Of redirects those say that the same request is to be sent again (RFC 9110 15.4.8, 15.4.9). */
export const isFollowed = (statusCode: number): boolean => statusCode === 307 || statusCode === 308

/** A worker may name itself by the address that it listens on, or by what it was called. */
export function isOwn(target: URL, { endpoint, server: { launch } }: Asked): boolean {
  if (target.origin === new URL(endpoint.origin).origin) return true
  return launch.kind === 'local' && target.host === endpoint.host
}
