import type { IncomingHttpHeaders } from 'node:http'

/**
 * Headers as a worker has sent them, in the form in which they are read everywhere here. A name that
 * came twice is a list in undici, whatever its type says: of what can only be said once the first
 * counts, and the rest is joined, as Node does it for requests. Only `set-cookie` stays a list.
 */
export function receivedHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): IncomingHttpHeaders {
  for (const name in headers) {
    if (Array.isArray(headers[name])) return once(headers)
  }
  return headers
}

function once(headers: Readonly<Record<string, string | string[] | undefined>>) {
  const out: IncomingHttpHeaders = {}
  for (const name in headers) {
    const value = headers[name]
    if (!Array.isArray(value) || name === 'set-cookie') Object.assign(out, { [name]: value })
    else out[name] = saidOnce.has(name) ? value[0] : value.join(', ')
  }
  return out
}

const saidOnce = new Set([
  'age',
  'content-encoding',
  'content-length',
  'content-location',
  'content-type',
  'date',
  'etag',
  'expires',
  'last-modified',
  'location',
  'mcp-protocol-version',
  'mcp-session-id',
  'retry-after',
  'server',
])
