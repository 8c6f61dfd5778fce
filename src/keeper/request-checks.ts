import type { IncomingMessage } from 'node:http'

import { mcpVersions } from '../ground/mcp-versions.ts'
import { refusals } from './replies.ts'
import type { Refusal } from './replies.ts'

const versions = new Set(mcpVersions)
const acceptsJson = /(^|,)\s*(\*\/\*|application\/(\*|json))\s*(;|,|$)/i
const acceptsEvents = /(^|,)\s*(\*\/\*|text\/(\*|event-stream))\s*(;|,|$)/i

export function refuseAccept({ method, headers }: IncomingMessage): Refusal | undefined {
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
  { headers }: IncomingMessage,
  sessionId: string,
  agreed: string | undefined,
): Refusal | undefined {
  const id = headers['mcp-session-id']
  if (id === undefined || id === '') return refusals.idRequired
  if (id !== sessionId) return refusals.notFound
  const version = headers['mcp-protocol-version']
  if (version === undefined || version === agreed || versions.has(String(version))) return undefined
  return refusals.version
}

/** Reads a body as text; undefined when it is larger than the limit. Nothing if it is cut off. */
export function readBody(
  request: IncomingMessage,
  limitBytes: number,
  onRead: (text: string | undefined) => void,
): void {
  let chunks: Buffer[] = []
  let bodyBytes = 0
  request.on('data', (chunk: Buffer) => {
    bodyBytes += chunk.length
    if (bodyBytes > limitBytes) chunks = []
    else chunks.push(chunk)
  })
  request.on('end', () => {
    const [only] = chunks
    if (bodyBytes > limitBytes) onRead(undefined)
    else if (only !== undefined && chunks.length === 1) onRead(only.toString())
    else onRead(Buffer.concat(chunks).toString())
  })
}
