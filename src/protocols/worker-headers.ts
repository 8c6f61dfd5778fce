import type { IncomingHttpHeaders } from 'node:http'

import type { Endpoint } from '../workers/driver.ts'
import type { HeaderMap, Recipient } from './protocol.ts'

export const sessionHeader = 'mcp-session-id'

/** AgentCore's names for the session: of clients, and of what a worker is told. */
export const runtimeSessionHeader = 'x-amzn-bedrock-agentcore-runtime-session-id'
export const runtimeRequestHeader = 'x-amzn-bedrock-agentcore-runtime-request-id'

const hopByHop = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

/** They never pass, whatever a list says: they are for this hop, or the gateway's to write. */
const neverPass = new Set([
  ...hopByHop,
  sessionHeader,
  runtimeSessionHeader,
  runtimeRequestHeader,
  'workloadaccesstoken',
  'oauth2callbackurl',
  'host',
  'origin',
  'cookie',
  'content-length',
  'expect',
  'accept-encoding',
])

/** They prove who a client is, so they pass only where a list names them. */
const credentials = new Set(['authorization', 'dpop'])

/** With their longest values, which AgentCore's model has. */
const traceHeaders: ReadonlyMap<string, number> = new Map([
  ['x-amzn-trace-id', 128],
  ['traceparent', 128],
  ['tracestate', 512],
  ['baggage', 8192],
])

const ofMcp = new Set(['accept', 'content-type', 'last-event-id'])

/** Largest value of a header that a list lets through, in bytes. */
export const allowedValueBytes = 4096

/**
 * What a worker is sent.
 *
 * @param allowed only these pass, beside those of MCP and of tracing; undefined: whatever is no
 *   credential and not for this hop
 */
export function workerHeaders(
  headers: IncomingHttpHeaders,
  { endpoint, workerSessionId, sessionId, requestId }: Recipient,
  allowed: readonly string[] | undefined,
): HeaderMap {
  const out: HeaderMap = {}
  const forThisHop = namedIn(headers.connection)
  for (const name in headers) {
    const value = headers[name]
    if (value === undefined || neverPass.has(name) || isOwnKey(name, value)) continue
    if (allowed === undefined ? isPrivate(name) : !isListed(name, value, allowed)) continue
    if (forThisHop?.includes(name) !== true) out[name] = value
  }
  if (sessionId !== undefined) out[runtimeSessionHeader] = sessionId
  out[runtimeRequestHeader] = requestId
  return addressed(out, endpoint, workerSessionId)
}

/**
 * An API key of Berth's is for Berth alone, wherever it stands and whatever a list says. What else
 * stands in X-API-Key is for the server.
 */
export const isOwnKey = (name: string, value: string | string[]): boolean =>
  (name === 'x-api-key' || name === 'authorization') && String(value).includes('berth_')

/**
 * `x-amz-` are the signature of AWS and its session token, `x-berth-` what a keeper trusts, and
 * what a server takes for AgentCore's word a client may not write.
 */
const reserved = /^(x-amz-|amz-sdk-|x-berth-|x-amzn-bedrock-agentcore-(?!runtime-custom-))/

const isPrivate = (name: string): boolean => credentials.has(name) || reserved.test(name)

function isListed(name: string, value: string | string[], allowed: readonly string[]): boolean {
  if (ofMcp.has(name) || name.startsWith('mcp-')) return true
  const longest = traceHeaders.get(name)
  if (longest !== undefined) return value.length <= longest
  // A signature is of this request to this address: it would prove nothing to a worker.
  if (name === 'authorization' && String(value).startsWith('AWS4-')) return false
  return allowed.includes(name)
}

/** The first header that a list lets through and that is too long for it. */
export function tooLongOf(
  headers: IncomingHttpHeaders,
  allowed: readonly string[],
): string | undefined {
  return allowed.find((name) => {
    const value = headers[name]
    return value !== undefined && Buffer.byteLength(String(value)) > allowedValueBytes
  })
}

/**
 * The headers that `Connection` names: they too are for this hop alone (RFC 9110, section 7.6.1).
 * Undefined for what nearly every client sends.
 */
function namedIn(connection: string | undefined): string[] | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') {
    return undefined
  }
  return connection.split(',').map((name) => name.trim().toLowerCase())
}

export function addressed(
  headers: HeaderMap,
  endpoint: Endpoint,
  workerSessionId?: string,
): HeaderMap {
  headers.host = endpoint.host
  headers['accept-encoding'] = 'identity'
  if (workerSessionId !== undefined) headers[sessionHeader] = workerSessionId
  for (const name in endpoint.headers) headers[name.toLowerCase()] = endpoint.headers[name] ?? ''
  return headers
}
