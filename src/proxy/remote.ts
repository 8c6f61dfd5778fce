import { Client } from 'undici'

import type { FaultOwner } from '../ground/guarded.ts'
import { guarded, tellFault } from '../ground/guarded.ts'
import { maxHeaderBytes } from '../ground/listener.ts'
import type { Session } from '../sessions/session.ts'
import type { Upstreams } from './asking.ts'
import { received } from './received.ts'

type Endpoint = Session['endpoint']

/**
 * Connections to a server at an address of its own. undici's own pool would queue what never waits
 * here, in a queue of 16 KiB for every session. Never a retry.
 */
export function openRemote(endpoint: Endpoint, owner: FaultOwner): Upstreams {
  const clients = new Set<Client>()
  const free: Client[] = []

  const onFault = tellFault('a connection to a worker', owner)
  const connect = (): Client => {
    const client = new Client(endpoint.origin, settings(endpoint))
    const forget = guarded(() => {
      const at = free.indexOf(client)
      if (at !== -1) free.splice(at, 1)
      // What was given to it just as its connection ended goes over a new one.
      if (client.stats.size === 0) clients.delete(client)
    }, onFault)
    const drained = guarded(() => {
      if (clients.has(client) && !free.includes(client)) free.push(client)
    }, onFault)
    client.on('drain', drained)
    client.on('disconnect', forget)
    client.on('connectionError', forget)
    clients.add(client)
    return client
  }

  return {
    dispatch(asking, receiver) {
      const client = free.pop() ?? connect()
      // Nearly always it is now busy, and says when it is not any more.
      const hasRoom = client.dispatch(asking, received(receiver, owner))
      if (hasRoom && clients.has(client) && !free.includes(client)) free.push(client)
    },
    async destroy() {
      await Promise.all([...clients].map((client) => client.destroy()))
    },
  }
}

/** No timeouts of the client library, because a stream may be silent for hours. */
export const settings = ({ socketPath }: Endpoint) => ({
  pipelining: 1,
  headersTimeout: 0,
  bodyTimeout: 0,
  maxHeaderSize: maxHeaderBytes,
  connect: { timeout: 10_000, ...(socketPath === undefined ? {} : { socketPath }) },
})
