import type { Recipient } from '../protocols/protocol.ts'
import type { Session } from '../sessions/session.ts'

/** A session's worker, as protocols have to know it to write to it. */
export function recipientOf(
  session: Session,
  requestId: string,
  workerSessionId: string | undefined,
): Recipient {
  const { id, endpoint, server } = session
  return {
    endpoint,
    workerSessionId,
    // Its sessions share a server that is elsewhere: the id of one is nothing for it.
    sessionId: server.launch.kind === 'remote' ? undefined : id,
    requestId,
    allowed: server.requestHeaders,
  }
}
