import { isIP } from 'node:net'

/** An IPv6 address without its brackets. */
export const bare = (host: string): string => host.replace(/^\[(.*)\]$/, '$1')

/** Whether a host name or an address, as it stands in a URL, cannot leave this machine. */
export function isLoopback(host: string): boolean {
  const name = bare(host).toLowerCase()
  if (isIP(name) === 4) return name.startsWith('127.')
  return name === 'localhost' || name === '::1' || name === '0:0:0:0:0:0:0:1'
}
