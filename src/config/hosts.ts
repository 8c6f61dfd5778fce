import { isIP } from 'node:net'

/** A host without the brackets of an IPv6 address. */
export const bare = (host: string): string => host.replace(/^\[(.*)\]$/, '$1')

export function isLoopback(host: string): boolean {
  const name = bare(host).toLowerCase()
  if (isIP(name) === 4) return name.startsWith('127.')
  return name === 'localhost' || name === '::1' || name === '0:0:0:0:0:0:0:1'
}
