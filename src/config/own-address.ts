import { isIP } from 'node:net'
import os from 'node:os'

import { bare } from '../ground/loopback.ts'
import type { Server } from '../sessions/server.ts'

/** Where this gateway is reached. */
export interface OwnAddress {
  host: string
  /** 0: not known before it listens. */
  port: number
  publicUrl?: string | undefined
}

/**
 * Whether a URL leads back to this gateway, by whatever name of this machine: a server there would
 * open a session of itself for each of its own, without end.
 */
export function leadsBack(text: string, { host, port, publicUrl }: OwnAddress): boolean {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return false
  const url = new URL(text)
  if (publicUrl !== undefined && URL.canParse(publicUrl)) {
    const { origin, pathname } = new URL(publicUrl)
    const base = pathname.replace(/\/+$/, '')
    if (url.origin === origin && `${url.pathname}/`.startsWith(`${base}/`)) return true
  }
  if (url.protocol !== 'http:' || port === 0 || Number(url.port || 80) !== port) return false
  return isHere(plainHost(url.hostname), plainHost(host))
}

const loopbacks = ['localhost', '127.0.0.1', '::1']
const everywhere = ['0.0.0.0', '::']

function isHere(named: string, listening: string): boolean {
  if (named === listening) return true
  if (named === 'localhost') return [...loopbacks, ...everywhere].includes(listening)
  // Connecting to the address of all addresses connects to this machine.
  const meant = everywhere.includes(named) ? '127.0.0.1' : named
  if (listening === 'localhost') return loopbacks.includes(meant)
  if (!everywhere.includes(listening)) return meant === listening
  return meant.startsWith('127.') || meant === '::1' || ownNames().includes(meant)
}

/** `LOCALHOST.`, `[::ffff:127.0.0.1]` and the like in one form. */
function plainHost(host: string): string {
  const name = bare(host).toLowerCase().replace(/\.$/, '')
  if (name.endsWith('.localhost')) return 'localhost'
  if (isIP(name) !== 6) return name
  const short = bare(new URL(`http://[${name}]/`).hostname)
  const [, high, low] = /^::ffff:([\da-f]+):([\da-f]+)$/.exec(short) ?? []
  if (high === undefined || low === undefined) return short
  return [high, low]
    .flatMap((part) => [Number.parseInt(part, 16) >> 8, Number.parseInt(part, 16) & 255])
    .join('.')
}

function ownNames(): string[] {
  const addresses = Object.values(os.networkInterfaces()).flatMap((found) => found ?? [])
  return [os.hostname().toLowerCase(), ...addresses.map(({ address }) => address)]
}

/** Whether a client of a gateway on this machine has it under that name, at whichever port. */
export function isWrittenFor(text: string, name: string): boolean {
  if (!URL.canParse(text)) return false
  const { hostname, pathname } = new URL(text)
  const host = plainHost(hostname)
  const [, served = ''] = /\/servers\/([\w.-]+)\/mcp$/.exec(pathname) ?? []
  const isSame = served.replaceAll('.', '-') === name.replaceAll('.', '-')
  return isSame && (loopbacks.includes(host) || host.startsWith('127.'))
}

/** What a server calls: its url, or, behind a bridge such as mcp-remote, one of its arguments. */
export function addressesOf(launch: Server['launch']): readonly string[] {
  if (launch.kind === 'inside') return []
  return launch.kind === 'remote' ? [launch.url] : launch.args
}

/** What is to be said once a gateway listens whose port nobody knew before. */
export function loopNotes(
  servers: readonly Pick<Server, 'name' | 'launch'>[],
  { host, publicUrl }: Omit<OwnAddress, 'port'>,
  url: string,
): string[] {
  const port = Number(new URL(url).port || 80)
  return servers
    .filter(({ launch }) =>
      addressesOf(launch).some((text) => leadsBack(text, { host, port, publicUrl })),
    )
    .map(
      ({ name }) =>
        `The server ${name} leads back to this gateway, so each of its sessions would open another, without end. Take it out.`,
    )
}
