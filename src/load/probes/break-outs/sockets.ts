import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { connect } from 'node:net'
import type { NetConnectOpts } from 'node:net'

import type { Target, Tried } from './attempt.ts'
import {
  codeOf,
  eachOf,
  gotThrough,
  notTried,
  numbersOf,
  pathsOf,
  refusedBy,
  stopped,
} from './attempt.ts'

const connectMs = 1000

/** Connects and hangs up, without a byte said. */
function knockAt(options: NetConnectOpts, name: string): Promise<Tried> {
  return new Promise((resolve) => {
    const socket = connect(options)
    const settle = (tried: Tried): void => {
      socket.destroy()
      resolve(tried)
    }
    socket.setTimeout(connectMs, () => settle(stopped(`no answer from ${name}`)))
    socket.once('connect', () => settle(gotThrough(`connected to ${name}`)))
    socket.once('error', (error) => settle(refusedBy(error, `connecting to ${name}`)))
  })
}

export function connectSockets(target: Target | undefined): Promise<Tried> {
  return eachOf(pathsOf(target), (path) => knockAt({ path }, path))
}

export function connectPorts(target: Target | undefined): Promise<Tried> {
  return eachOf(numbersOf(target), async (port) => {
    if (port < 1 || port > 65535) return notTried(`${port} is not a port`)
    return knockAt({ host: '127.0.0.1', port }, `127.0.0.1:${port}`)
  })
}

const abstractAtMost = 20

/** Those of the target, without their `@`, or all that /proc/net/unix shows but its own. */
export async function connectAbstract(target: Target | undefined): Promise<Tried> {
  let names = pathsOf(target)
  if (target === undefined) {
    try {
      names = listeningAbstract()
    } catch (error) {
      return refusedBy(error, 'reading /proc/net/unix')
    }
    if (names.length === 0) return stopped('no abstract socket of others is in /proc/net/unix')
  }
  return eachOf(names.slice(0, abstractAtMost), (name) =>
    knockAt({ path: `\0${name}` }, `@${name}`),
  )
}

/** Flag of a socket that accepts connections, in the fourth column. */
const accepts = 0x10000

function listeningAbstract(): string[] {
  const own = ownInodes()
  const names = new Set<string>()
  for (const line of readFileSync('/proc/net/unix', 'latin1').split('\n').slice(1)) {
    const [, , , flags = '0', , , inode = '', path = ''] = line.trim().split(/\s+/)
    if (!path.startsWith('@') || own.has(inode) || (parseInt(flags, 16) & accepts) === 0) continue
    names.add(path.slice(1))
  }
  return [...names]
}

function ownInodes(): Set<string> {
  const inodes = new Set<string>()
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${name}`)) ?? []
      if (inode !== undefined) inodes.add(inode)
    } catch (error) {
      // The one that the listing itself was read from is closed by now.
      if (codeOf(error) !== 'ENOENT') throw error
    }
  }
  return inodes
}
