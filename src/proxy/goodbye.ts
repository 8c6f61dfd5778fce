import { Client } from 'undici'

import type { Protocol } from '../protocols/protocol.ts'
import type { Session } from '../sessions/session.ts'
import { hopsAtMost, placeWithin } from './following.ts'
import { receivedHeaders } from './received-headers.ts'
import { settings } from './remote.ts'

/** Takes leave of a worker as its protocol has it; settles when it has answered, or was too slow. */
export async function sayGoodbye(session: Session, protocol: Protocol): Promise<void> {
  if (session.worker === undefined) return
  const { endpoint } = session
  const goodbye = protocol.goodbye(endpoint, session.record.workerSessionId)
  if (goodbye === undefined) return
  const { method, path, headers, timeoutMs } = goodbye
  const client = new Client(endpoint.origin, settings(endpoint))
  const signal = AbortSignal.timeout(timeoutMs)
  /** @returns where it is to be said instead */
  const sayTo = async (place: string): Promise<string | undefined> => {
    const answer = await client.request({ method, path: place, headers, signal })
    await answer.body.dump()
    const { location } = receivedHeaders(answer.headers)
    return placeWithin(session, answer.statusCode, location, place)
  }
  try {
    let place: string | undefined = path
    for (let hops = 0; place !== undefined && hops <= hopsAtMost; hops += 1) {
      place = await sayTo(place)
    }
  } catch {
    // It is about to be stopped anyway; the politeness was for servers that save something.
  } finally {
    await client.destroy()
  }
}
