import { Client, Pool } from 'undici'

import type { Protocol } from '../protocols/protocol.ts'
import type { Session } from '../sessions/session.ts'

type Endpoint = Session['endpoint']

/**
 * The connections to a session's worker. As many as it takes, because each stream needs its own;
 * no timeouts of the client library, because a stream may be silent for hours; never a retry.
 */
export function openPool(endpoint: Endpoint): Pool {
  return new Pool(endpoint.origin, { ...settings(endpoint), connections: null })
}

const settings = ({ socketPath }: Endpoint) => ({
  pipelining: 1,
  headersTimeout: 0,
  bodyTimeout: 0,
  connect: { timeout: 10_000, ...(socketPath === undefined ? {} : { socketPath }) },
})

/** Takes leave of a worker as its protocol has it; settles when it has answered, or was too slow. */
export async function sayGoodbye(session: Session, protocol: Protocol): Promise<void> {
  if (session.worker === undefined) return
  const { endpoint } = session
  const goodbye = protocol.goodbye(endpoint, session.record.workerSessionId)
  if (goodbye === undefined) return
  const { method, path, headers, timeoutMs } = goodbye
  const client = new Client(endpoint.origin, settings(endpoint))
  try {
    const signal = AbortSignal.timeout(timeoutMs)
    const { body } = await client.request({ method, path, headers, signal })
    await body.dump()
  } catch {
    // It is about to be stopped anyway; the politeness was for servers that save something.
  } finally {
    await client.destroy()
  }
}
