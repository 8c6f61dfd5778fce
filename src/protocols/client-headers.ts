import type { IncomingHttpHeaders } from 'node:http'

import type { HeaderMap } from './protocol.ts'
import { sessionHeader } from './worker-headers.ts'

/**
 * What a worker may say of its answer. All servers share one origin with each other and with the
 * gateway: a header that is not here could set cookies there, send a browser or a proxy elsewhere,
 * or make a client log in to somebody else.
 */
const ofAnswers = new Set([
  ...['content-type', 'content-length', 'content-encoding', 'content-language'],
  'content-disposition',
  ...['cache-control', 'expires', 'etag', 'last-modified'],
  ...['retry-after', 'allow', 'last-event-id'],
  ...['x-request-id', 'x-correlation-id', 'x-trace-id', 'x-amzn-trace-id'],
  ...['traceparent', 'tracestate'],
])

/** The protocol's own, what AgentCore lets agents make up, and what they say of their quotas. */
const families = /^(mcp-|x-amzn-bedrock-agentcore-runtime-custom-|(x-)?ratelimit-)/

/** Of all that nginx obeys in `X-Accel-…` (`Redirect` hands out its own files) this is harmless. */
const isUnbuffered = (name: string, value: unknown): boolean =>
  name === 'x-accel-buffering' && value === 'no'

/**
 * @param passesChallenge whether `WWW-Authenticate` is the server's to say: of one that is
 *   elsewhere, and asks its clients for a token of its own
 */
export function clientHeaders(
  headers: IncomingHttpHeaders,
  publicId: string | undefined,
  passesChallenge = false,
): HeaderMap {
  const out: HeaderMap = {}
  for (const name in headers) {
    const value = headers[name]
    if (value === undefined || name === sessionHeader) continue
    if (ofAnswers.has(name) || families.test(name) || isUnbuffered(name, value)) out[name] = value
  }
  const challenge = headers['www-authenticate']
  if (passesChallenge && challenge !== undefined) out['www-authenticate'] = challenge
  if (publicId !== undefined) out[sessionHeader] = publicId
  return out
}
