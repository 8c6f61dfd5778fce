import { isIP } from 'node:net'

export const adminIsLocal =
  'the admin listener is for this machine alone. Take a loopback address (127.0.0.1), and a tunnel to it from elsewhere.'

/** What is to be said of a public listener on this address: nothing, if it is a loopback one. */
export function exposureOf(
  host: string,
  allowAnonymous: string,
): { problem?: string; warning?: string } {
  if (isLoopback(host)) return {}
  if (allowAnonymous === 'any-address') {
    return {
      warning: `Whoever reaches ${host} may use every server without proof of who they are (allowAnonymous: any-address).`,
    }
  }
  return {
    problem:
      'other machines can reach this address, there is no authorizer in this version, and so anybody could start workers and use every server. Listen on 127.0.0.1 behind a proxy that asks who is there, or write allowAnonymous: any-address if the whole network may.',
  }
}

/** An IPv6 address without its brackets. */
export const bare = (host: string): string => host.replace(/^\[(.*)\]$/, '$1')

export function isLoopback(host: string): boolean {
  const name = bare(host).toLowerCase()
  if (isIP(name) === 4) return name.startsWith('127.')
  return name === 'localhost' || name === '::1' || name === '0:0:0:0:0:0:0:1'
}
