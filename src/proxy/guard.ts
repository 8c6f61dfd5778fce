import { GatewayError } from '../ground/errors.ts'
import { corsExposedHeaders, corsRequestHeaders } from '../protocols/mcp.ts'

/**
 * Who may talk to this listener at all: the Host must name it, and a browser's Origin must be
 * allowed (against DNS rebinding).
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#security-warning
 */
export interface Guard {
  /** @throws ERR_PROXY_HOST, ERR_PROXY_ORIGIN */
  check(host: string | undefined, origin: string | undefined): void
  /** Base of the gateway as clients know it, for a Host that was let in: `https://mcp.example.com`. */
  baseFor(host: string | undefined): string
  /** What every reply to this origin carries; the same object for the same origin. */
  headersFor(origin: string | undefined): Readonly<Record<string, string>>
  /** What a preflight is answered with besides. */
  readonly preflight: Readonly<Record<string, string>>
}

export interface GuardOptions {
  /** The address that is listened on. */
  host: string
  publicUrl: string | undefined
  allowedHosts: string[]
  allowedOrigins: string[]
  /** Headers that a page may send beside those of MCP, where servers ask for them. */
  credentialHeaders?: readonly string[]
}

const loopbackNames = new Set(['localhost', '127.0.0.1', '[::1]'])
const everywhere = new Set(['0.0.0.0', '::', '[::]'])

export function isLoopback(host: string): boolean {
  return loopbackNames.has(host) || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

export function createGuard(options: GuardOptions): Guard {
  const { host, publicUrl } = options
  const hosts = new Set([...options.allowedHosts.map((name) => name.toLowerCase())])
  if (!everywhere.has(host)) hosts.add(host.includes(':') ? `[${host}]` : host.toLowerCase())
  if (publicUrl !== undefined) hosts.add(new URL(publicUrl).hostname)
  const origins = new Set(options.allowedOrigins)
  if (publicUrl !== undefined) origins.add(new URL(publicUrl).origin)

  /** As it was written by those that were let in; most clients write it alike. */
  const goodHosts = new Set<string>()
  const isHostAllowed = (value: string): boolean => {
    if (goodHosts.has(value)) return true
    if (!isNamed(value)) return false
    if (goodHosts.size < 100) goodHosts.add(value)
    return true
  }
  const isNamed = (value: string): boolean => {
    const name = value.toLowerCase().replace(/:\d+$/, '')
    return loopbackNames.has(name) || hosts.has(name) || hosts.has(value.toLowerCase())
  }
  const isOriginAllowed = (value: string): boolean => {
    if (origins.has(value)) return true
    return isLoopback(host) && /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(value)
  }

  const exposed = { 'access-control-expose-headers': corsExposedHeaders }
  const known = new Map<string, Readonly<Record<string, string>>>()

  return {
    check(hostHeader, origin) {
      // Only an address cannot be rebound; without any Host nobody was asked for by name.
      if (hostHeader === undefined || !isHostAllowed(hostHeader)) {
        throw new GatewayError('ERR_PROXY_HOST')
      }
      if (origin !== undefined && !isOriginAllowed(origin)) {
        throw new GatewayError('ERR_PROXY_ORIGIN')
      }
    },
    // Somebody who says localhost must not be told of 127.0.0.1: to clients that is another place.
    baseFor: (hostHeader) => publicUrl ?? `http://${hostHeader ?? host}`,
    headersFor(origin) {
      if (origin === undefined || !isOriginAllowed(origin)) return exposed
      let headers = known.get(origin)
      if (headers === undefined) {
        headers = { ...exposed, 'access-control-allow-origin': origin, vary: 'Origin' }
        // Loopback origins on any port are many; remembering a few is enough.
        if (known.size < 100) known.set(origin, headers)
      }
      return headers
    },
    preflight: {
      'access-control-allow-methods': 'POST, GET, DELETE, OPTIONS',
      'access-control-allow-headers': [
        corsRequestHeaders,
        ...(options.credentialHeaders ?? []),
      ].join(', '),
      'access-control-max-age': '600',
    },
  }
}

/** Of a listener that only this machine reaches: the Host names it, and no other page is let in. */
export function createHostCheck(host: string): Guard['check'] {
  return createGuard({ host, publicUrl: undefined, allowedHosts: [], allowedOrigins: [] }).check
}
