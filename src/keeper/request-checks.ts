import { mcpVersions } from '../ground/mcp-versions.ts'
import { refusals } from './replies.ts'
import type { Refusal } from './replies.ts'
import type { Asked } from './reply.ts'

const versions: ReadonlySet<string> = new Set(mcpVersions)
const acceptsJson = /(^|,)\s*(\*\/\*|application\/(\*|json))\s*(;|,|$)/i
const acceptsEvents = /(^|,)\s*(\*\/\*|text\/(\*|event-stream))\s*(;|,|$)/i

export function refuseAccept({ method, headers }: Asked): Refusal | undefined {
  const { accept = '' } = headers
  if (method === 'GET') return acceptsEvents.test(accept) ? undefined : refusals.acceptGet
  if (method !== 'POST') return undefined
  return acceptsJson.test(accept) && acceptsEvents.test(accept) ? undefined : refusals.acceptPost
}

/**
 * What every request but `initialize` has to name: the session, and a version that exists.
 *
 * @param agreed the version that the server has named, whatever that is
 */
export function refuseSession(
  { headers }: Asked,
  sessionId: string,
  agreed: string | undefined,
): Refusal | undefined {
  const id = headers['mcp-session-id']
  if (id === undefined || id === '') return refusals.idRequired
  if (id !== sessionId) return refusals.notFound
  const version = headers['mcp-protocol-version']
  if (version === undefined || version === agreed || versions.has(version)) return undefined
  return refusals.version
}
