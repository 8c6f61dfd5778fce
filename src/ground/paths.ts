/** What a server may speak, and where it is found: below `/servers/NAME`, and the default one alone. */
export const protocolPaths = { mcp: '/mcp', http: '/invocations' } as const
export type ProtocolName = keyof typeof protocolPaths

interface Found {
  name: string
  protocol: ProtocolName
  isBundle?: boolean
}

/** Where clients find a server. */
export function endpointPath(server: Found): string {
  return `/${server.isBundle === true ? 'bundles' : 'servers'}/${server.name}${protocolPaths[server.protocol]}`
}

/** Where they find the default one, too. */
export function shortPath({ protocol }: { protocol: ProtocolName }): string {
  return protocolPaths[protocol]
}
