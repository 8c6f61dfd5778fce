import type { Challenge } from '../ground/errors.ts'
import type { Login } from './check.ts'

/**
 * Protected resource metadata (RFC 9728): where a client that gets 401 learns whom to ask for a
 * token. The path of a document is `wellKnown` before the path of the endpoint.
 */
export const wellKnown = '/.well-known/oauth-protected-resource'

/** The endpoints of the gateway, as a client sees them: `https://mcp.example.com` and a path. */
export interface Endpoint {
  /** Base of the gateway, without a slash at its end. */
  base: string
  /** Path and query from the base on, such as `/servers/NAME/mcp`. */
  path: string
}

export interface ResourceMetadata {
  resource: string
  authorization_servers: string[]
  bearer_methods_supported: string[]
  scopes_supported?: string[]
}

/** Where the document of an endpoint is. AgentCore has it below the endpoint. */
export function metadataUrl({ base, path }: Endpoint): string {
  const [, invocations, query = ''] = /^(\/runtimes\/[^/]+\/invocations)(\?.*)?$/.exec(path) ?? []
  if (invocations !== undefined) return `${base}${invocations}${wellKnown}${query}`
  // Below the base, where a reverse proxy that hands on nothing else finds it as well.
  return `${base}${wellKnown}${path}`
}

export async function metadataOf(
  { base, path }: Endpoint,
  login: Login,
  resource: 'server' | 'gateway',
): Promise<ResourceMetadata> {
  return {
    resource: resource === 'gateway' ? base : `${base}${path}`,
    authorization_servers: [await login.issuer()],
    bearer_methods_supported: ['header'],
    ...(login.scopes.length > 0 && { scopes_supported: [...login.scopes] }),
  }
}

/** `WWW-Authenticate` (RFC 6750 and 9728). */
export function challengeHeader(
  { error, description }: Challenge,
  { scopes, url }: { scopes: readonly string[]; url: string | undefined },
): string {
  const parts = {
    realm: url === undefined ? 'berth' : undefined,
    error,
    error_description: description,
    scope: scopes.length > 0 ? scopes.join(' ') : undefined,
    resource_metadata: url,
  }
  const written = Object.entries(parts).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}="${value.replaceAll(/[^\x20-\x7e]|["\\]/g, '')}"`],
  )
  return `Bearer ${written.join(', ')}`
}
