import { closeSync, openSync, readSync, readdirSync, readlinkSync } from 'node:fs'
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
 * Whether anybody accepts connections there. To ask /proc whose socket it is costs fifty times as
 * much: for /proc/net/tcp the kernel goes through a hash table that grows with the machine.
 */
export async function isListenedOn(port: number): Promise<boolean> {
  return (await accepts('127.0.0.1', port)) || (await accepts('::1', port))
}

/**
 * Says whether a socket that listens on `port` belongs to one of `pids`, by its inode, so that a
 * stranger who took the port first is never mistaken for the worker. Without /proc (macOS) a
 * successful connect has to do.
 */
export async function findListening(port: number, pids: () => number[]): Promise<Listening> {
  let inodes: Set<string> | undefined
  let found: Listening = { state: 'not-yet' }
  let isReadable = false
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const table = openTable(file)
    if (table === undefined) continue // no IPv6, or no /proc at all
    isReadable = true
    try {
      for (const { hexAddress, port: listened, inode } of listening(table)) {
        if (listened !== port) continue
        const address = readAddress(hexAddress)
        inodes ??= inodesOf(pids())
        const own = inodes.has(inode) ? await reach(address, port) : undefined
        if (own?.state === 'ready') return own
        if (found.state !== 'elsewhere') found = own ?? { state: 'foreign' }
      }
    } finally {
      closeSync(table)
    }
  }
  if (isReadable) return found
  for (const address of ['127.0.0.1', '::1']) {
    if (await accepts(address, port)) return { state: 'ready', address, exposed: false }
  }
  return found
}

/** A socket that a worker listens on. */
export interface Listener {
  address: string
  port: number
}

/** All of these processes; none without /proc. */
export function listenersOf(pids: () => number[]): Listener[] {
  let inodes: Set<string> | undefined
  const found: Listener[] = []
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const table = openTable(file)
    if (table === undefined) continue
    try {
      for (const { hexAddress, port, inode } of listening(table)) {
        inodes ??= inodesOf(pids())
        if (inodes.has(inode)) found.push({ address: readAddress(hexAddress), port })
      }
    } finally {
      closeSync(table)
    }
  }
  return found
}

async function reach(address: string, port: number): Promise<Listening> {
  if (address === '0.0.0.0') return { state: 'ready', address: '127.0.0.1', exposed: true }
  if (address === '::') {
    // It usually takes IPv4 as well, but does not have to.
    const loopback = (await accepts('127.0.0.1', port)) ? '127.0.0.1' : '::1'
    return { state: 'ready', address: loopback, exposed: true }
  }
  const isLoopback = address === '::1' || address.startsWith('127.')
  return isLoopback ? { state: 'ready', address, exposed: false } : { state: 'elsewhere', address }
}

interface ListeningSocket {
  hexAddress: string
  port: number
  inode: string
}

function openTable(file: string): number | undefined {
  try {
    return openSync(file, 'r')
  } catch {
    return undefined
  }
}

const listens = '0A'
/** Not much more than a line: the kernel looks up no more than what is asked for. */
const piece = Buffer.alloc(256)

/** Sockets that listen come first, and what is behind them is not read. */
function* listening(table: number): Generator<ListeningSocket> {
  let rest = ''
  for (let bytes = readSync(table, piece); bytes > 0; bytes = readSync(table, piece)) {
    const lines = `${rest}${piece.toString('latin1', 0, bytes)}`.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/)
      if (state === 'st' || local === undefined || inode === undefined) continue
      if (state !== listens) return
      const [hexAddress = '', port = ''] = local.split(':')
      yield { hexAddress, port: Number.parseInt(port, 16), inode }
    }
  }
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
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      resolve(true)
      // Left as one leaves a server, whatever it says: to reset the connection is to break it.
      socket
        .on('error', () => undefined)
        .resume()
        .end()
      socket.setTimeout(1000, () => void socket.destroy())
    })
  })
}
