import type { Recipient } from '../protocols/protocol.ts'
import type { Session } from '../sessions/session.ts'

/**
 * A session's worker, as protocols have to know it to write to it.
 *
 * @param name what the client calls the session, where that is not its id
 */
export function recipientOf(
  session: Session,
  requestId: string,
  name: string = session.id,
): Recipient {
  const { id, endpoint, server, record } = session
  // Its sessions share a server that is elsewhere: the id of one is nothing for it.
  const isElsewhere = server.launch.kind === 'remote'
  const isStateless = server.mode === 'stateless' && !isElsewhere
  return {
    endpoint,
    workerSessionId: isStateless ? id : record.workerSessionId,
    sessionId: isElsewhere ? undefined : name,
    requestId,
    allowed: server.requestHeaders,
  }
}
