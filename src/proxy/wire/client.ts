import type { Clock, Timer } from '../../ground/clock.ts'
import type { FaultOwner } from '../../ground/guarded.ts'
import { guarded, tellFault } from '../../ground/guarded.ts'
import { bare } from '../../ground/loopback.ts'
import type { Session } from '../../sessions/session.ts'
import type { Upstreams } from '../asking.ts'
import type { Connection, Request } from './connection.ts'
import { idleMs, openConnection } from './connection.ts'
import type { Errand } from './errand.ts'
import { createErrand } from './errand.ts'
import { requestHead, bodyLength } from './request.ts'

/**
 * A connection that was idle for so long may just have been closed by the worker, and the news of it
 * lie unread. What would go over it waits until all that has come was read: less than a millisecond,
 * which a worker that is asked often does not cost.
 */
const doubtMs = 50

/**
 * HTTP/1.1 over plain sockets to a worker on this machine: strict in what it takes, one request at a
 * time on a connection, and each sent once. A request whose connection breaks has failed, because
 * the worker may have it.
 */
export function openWire(
  endpoint: Session['endpoint'],
  owner: FaultOwner,
  clock: Clock,
): Upstreams {
  const { hostname, port, host } = new URL(endpoint.origin)
  const place =
    endpoint.socketPath === undefined
      ? { host: bare(hostname), port: Number(port || 80) }
      : { path: endpoint.socketPath }
  const tell = tellFault('reading what a worker has answered', owner)

  const open = new Map<Connection, () => void>()
  /** The one that was used last is used next. */
  const free: Connection[] = []
  let waiting: [Errand, Request][] = []
  let sweeping: Timer | undefined
  let isDestroyed = false

  /** Closes what was idle for too long, and goes on as long as anything is idle. */
  const sweep = (): void => {
    sweeping = undefined
    const nowMs = clock.now()
    let isOneIdle = false
    for (const connection of free) {
      if (connection.isUsable(nowMs)) isOneIdle = true
      else connection.destroy()
    }
    if (isOneIdle) sweepLater()
  }
  const sweepLater = (): void => {
    sweeping ??= clock.after(idleMs, guarded(sweep, tell))
  }

  function onFree(connection: Connection): void {
    free.push(connection)
    sweepLater()
  }

  function onClosed(connection: Connection): void {
    forget(connection)
    open.get(connection)?.()
    open.delete(connection)
  }

  function forget(connection: Connection): void {
    const at = free.indexOf(connection)
    if (at !== -1) free.splice(at, 1)
  }

  function usable(): Connection {
    const nowMs = clock.now()
    for (let last = free.pop(); last !== undefined; last = free.pop()) {
      if (last.isUsable(nowMs)) return last
      last.destroy()
    }
    const connection = openConnection({ place, clock, tell, onFree, onClosed })
    open.set(connection, () => undefined)
    return connection
  }

  function send(errand: Errand, request: Request): void {
    if (errand.isOver()) return
    if (isDestroyed) {
      errand.fail(goneError())
      return
    }
    try {
      usable().send(errand, request)
    } catch (thrown) {
      errand.fail(thrown instanceof Error ? thrown : new Error(String(thrown)))
    }
  }

  const sendAll = guarded(() => {
    const all = waiting
    waiting = []
    for (const [errand, request] of all) send(errand, request)
  }, tell)

  const mayHaveEnded = (connection: Connection | undefined): boolean =>
    connection !== undefined && clock.now() - connection.idleSinceMs() >= doubtMs

  return {
    dispatch(asking, receiver) {
      const errand = createErrand(receiver, tell)
      let request: Request
      try {
        const { method, body, headers } = asking
        const length = bodyLength(headers['content-length'], body)
        request = { method, head: requestHead(asking, host), body, length }
      } catch (thrown) {
        errand.fail(thrown instanceof Error ? thrown : new Error(String(thrown)))
        return
      }
      errand.begin()
      // What was asked first goes first.
      if (waiting.length > 0 || mayHaveEnded(free.at(-1))) {
        if (waiting.push([errand, request]) === 1) setImmediate(sendAll)
      } else send(errand, request)
    },
    async destroy() {
      isDestroyed = true
      sweeping?.cancel()
      sweeping = undefined
      const closed = [...open.keys()].map(
        (connection) =>
          new Promise<void>((resolve) => {
            open.set(connection, resolve)
            connection.destroy()
          }),
      )
      await Promise.all(closed)
    },
  }
}

/** As of a connection that did not come about: the request has reached nobody. */
const goneError = (): Error =>
  Object.assign(new Error('The session has ended.'), { code: 'ECONNREFUSED' })
