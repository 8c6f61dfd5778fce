import type { Readable } from 'node:stream'

import type { HeaderMap } from '../protocols/protocol.ts'
import type { From } from './from.ts'
import type { Receiver } from './received.ts'

/** A request to a worker. */
export interface Asking {
  method: string
  /** Path and query. */
  path: string
  headers: HeaderMap
  /** One that comes as it is read has its length in the headers. */
  body: Buffer | Readable | null
  /** For a worker inside the gateway. */
  from?: From | undefined
}

/** The connections to a session's worker, as many as it takes: each stream needs its own. */
export interface Upstreams {
  /** Sends a request, once: what may have reached the worker is never sent again. */
  dispatch(asking: Asking, receiver: Receiver): void
  /** Cuts all of them. */
  destroy(): Promise<void>
}
