import type { Clock } from './clock.ts'

/**
 * The order of a session's streams. Clients fire the GET un-awaited and call at once, and SDK
 * servers drop messages that are meant for a GET stream which is not open yet; so requests that
 * are POSTed wait until the worker has answered the GET that arrived before them.
 *
 * It lives where the streams of a session meet: in the gateway for HTTP servers, in the keeper
 * for `relay: true`.
 */
export interface Hold {
  /** To be called at the arrival of a GET, before any await. The result ends the hold. */
  raise(): () => void
  /** Undefined when nothing is held, so that the usual request does not wait a tick. */
  wait(): Promise<void> | undefined
}

/** @param limitMs how long a POST waits at most; a worker may never answer a GET. */
export function createHold(clock: Clock, limitMs = 1000): Hold {
  const held = new Set<Promise<void>>()

  return {
    raise() {
      let settle: () => void
      const answered = new Promise<void>((resolve) => (settle = resolve))
      held.add(answered)
      const release = (): void => {
        limit.cancel()
        held.delete(answered)
        settle()
      }
      const limit = clock.after(limitMs, release)
      return release
    },
    // Only for the GETs that came before: a client that opens one after another is not held long.
    wait: () => (held.size === 0 ? undefined : Promise.all(held).then(() => undefined)),
  }
}
