import { Socket } from 'node:net'

import { GatewayError, messageOf } from './errors.ts'

/** A socket that is bound already, and that whoever started this process keeps open. */
export interface PassedSocket {
  host: string
  port: number
  handle: Socket
}

export interface PassedSockets {
  public?: PassedSocket
  admin?: PassedSocket
}

/** The first descriptor that systemd passes. */
const firstFd = 3

/**
 * The sockets that systemd has passed: the one that is named `admin`, and the public one, which is
 * named `public` or anything else. The variables are removed, because they are about this process
 * alone.
 *
 * @throws ERR_CONFIG_INVALID for what is no listening TCP socket, and for a third one
 * @see https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html
 */
export function takePassedSockets(env: Record<string, string | undefined>): PassedSockets {
  const { LISTEN_PID: pid, LISTEN_FDS: count, LISTEN_FDNAMES: names = '' } = env
  for (const name of ['PID', 'FDS', 'FDNAMES', 'PIDFDID']) {
    Reflect.deleteProperty(env, `LISTEN_${name}`)
  }
  if (pid !== String(process.pid) || count === undefined || !/^\d{1,4}$/.test(count)) return {}
  const named = names.split(':')
  const sockets: PassedSockets = {}
  for (let index = 0; index < Number(count); index += 1) {
    const name = named[index] ?? ''
    const which = name === 'admin' ? 'admin' : 'public'
    if (sockets[which] !== undefined) {
      throw refused(
        firstFd + index,
        name,
        `is a second ${which} one. Berth takes one public socket, and one that is named admin (FileDescriptorName=admin)`,
      )
    }
    sockets[which] = openSocket(firstFd + index, name)
  }
  return sockets
}

function openSocket(fd: number, name: string): PassedSocket {
  const advice = 'Pass a listening TCP socket (ListenStream=127.0.0.1:8080, Accept=no)'
  let handle: Socket
  try {
    handle = new Socket({ fd, readable: false, writable: false })
  } catch (cause) {
    throw refused(fd, name, `cannot be used (${messageOf(cause)}). ${advice}`)
  }
  const address = handle.address()
  if (!('port' in address)) throw refused(fd, name, `is no TCP socket. ${advice}`)
  if (handle.remoteAddress !== undefined) {
    throw refused(fd, name, `is a connection of one client. ${advice}`)
  }
  return { host: address.address, port: address.port, handle }
}

function refused(fd: number, name: string, why: string): GatewayError {
  const called = name === '' ? '' : ` (${name})`
  return new GatewayError('ERR_CONFIG_INVALID', {
    params: { problems: `LISTEN_FDS: descriptor ${fd}${called} ${why}.` },
  })
}
