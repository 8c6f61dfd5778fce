/** What a server may speak, and where it is found: below `/servers/NAME`, and the default one alone. */
export const protocolPaths = { mcp: '/mcp', http: '/invocations' } as const
export type ProtocolName = keyof typeof protocolPaths

/** Where clients find a server. */
export function endpointPath(server: { name: string; protocol: ProtocolName }): string {
  return `/servers/${server.name}${protocolPaths[server.protocol]}`
}

/** Where they find the default one, too. */
export function shortPath({ protocol }: { protocol: ProtocolName }): string {
  return protocolPaths[protocol]
}
