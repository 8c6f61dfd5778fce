import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { connect } from 'node:net'

/** Where a port is listened on, as far as it concerns one worker. */
export type Listening =
  | { state: 'not-yet' }
  /** Somebody listens, but no process of this worker. */
  | { state: 'foreign' }
  | { state: 'ready'; address: string; exposed: boolean }
  /** On one address that is not loopback and cannot be reached through it. */
  | { state: 'elsewhere'; address: string }

/**
 * Says whether a socket that listens on `port` belongs to one of `pids`, by its inode, so that a
 * stranger who took the port first is never mistaken for the worker. Without /proc (macOS) a
 * successful connect has to do.
 */
export async function findListening(port: number, pids: () => number[]): Promise<Listening> {
  const sockets = listeners(port)
  if (sockets === undefined) {
    for (const address of ['127.0.0.1', '::1']) {
      if (await accepts(address, port)) return { state: 'ready', address, exposed: false }
    }
    return { state: 'not-yet' }
  }
  if (sockets.length === 0) return { state: 'not-yet' }
  const inodes = inodesOf(pids())
  const own = sockets.filter(({ inode }) => inodes.has(inode))
  if (own.length === 0) return { state: 'foreign' }
  const exposed = own.some(({ address }) => address === '0.0.0.0' || address === '::')
  const isAt = (wanted: string): boolean => own.some(({ address }) => address === wanted)
  if (isAt('127.0.0.1') || isAt('0.0.0.0')) return { state: 'ready', address: '127.0.0.1', exposed }
  if (isAt('::')) {
    // It usually takes IPv4 as well, but does not have to.
    const address = (await accepts('127.0.0.1', port)) ? '127.0.0.1' : '::1'
    return { state: 'ready', address, exposed }
  }
  const loopback = own.find(({ address }) => address === '::1' || address.startsWith('127.'))
  if (loopback !== undefined) return { state: 'ready', address: loopback.address, exposed }
  return { state: 'elsewhere', address: own[0]?.address ?? '' }
}

interface Listener {
  address: string
  inode: string
}

function listeners(port: number): Listener[] | undefined {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0')
  const found: Listener[] = []
  let readable = false
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    let table: string
    try {
      table = readFileSync(file, 'latin1')
    } catch {
      continue // no IPv6, or no /proc at all
    }
    readable = true
    for (const line of table.split('\n').slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/)
      if (state !== '0A' || local === undefined || inode === undefined) continue
      const [address, localPort] = local.split(':')
      if (localPort === hexPort && address !== undefined) {
        found.push({ address: readAddress(address), inode })
      }
    }
  }
  return readable ? found : undefined
}

/** /proc/net writes addresses as 32-bit words in host byte order (little endian on what we run). */
function readAddress(hex: string): string {
  const bytes = Buffer.from(hex, 'hex')
  for (let word = 0; word < bytes.length; word += 4) bytes.subarray(word, word + 4).reverse()
  if (bytes.length === 4) return [...bytes].join('.')
  const mapped = bytes.subarray(0, 12).toString('hex') === '00000000000000000000ffff'
  if (mapped) return [...bytes.subarray(12)].join('.')
  if (bytes.every((byte) => byte === 0)) return '::'
  if (bytes.subarray(0, 15).every((byte) => byte === 0) && bytes[15] === 1) return '::1'
  return bytes.toString('hex').replaceAll(/(.{4})(?!$)/g, '$1:')
}

function inodesOf(pids: number[]): Set<string> {
  const found = new Set<string>()
  for (const pid of pids) {
    let fds: string[]
    try {
      fds = readdirSync(`/proc/${pid}/fd`)
    } catch {
      continue // gone
    }
    for (const fd of fds) {
      try {
        const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]
        if (inode !== undefined) found.add(inode)
      } catch {
        // Closed while we looked.
      }
    }
  }
  return found
}

function accepts(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port })
    const settle = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => settle(true))
    socket.once('error', () => settle(false))
  })
}
