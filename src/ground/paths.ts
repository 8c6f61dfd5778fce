/** Where a server is reached at the public listener; `/runtimes/…` has it as well. */
export function endpointPath(server: { name: string; protocol: 'mcp' | 'http' }): string {
  return `/servers/${server.name}/${server.protocol === 'http' ? 'invocations' : 'mcp'}`
}

/** Where the default server is reached besides. */
export function shortPath({ protocol }: { protocol: 'mcp' | 'http' }): string {
  return protocol === 'http' ? '/invocations' : '/mcp'
}
