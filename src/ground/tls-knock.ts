import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** The first byte of TLS: a handshake record. No HTTP request begins with it. */
const handshake = 0x16

/** A fatal alert, `unexpected_message`: all that a client of TLS can read (RFC 8446, section 6). */
const alert = Buffer.from([0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x0a])

/** The client has its alert by then, whatever it still sends. */
const lingerMs = 500

type OnClientError = (error: Error & { rawPacket?: unknown }, socket: Socket) => void

/**
 * Answers those who speak TLS to a port of plain HTTP in TLS, so that they fail at once and by that
 * name; others who speak no HTTP are answered as before.
 */
export function answerTls(server: Server, onKnock: (socket: Socket) => void): void {
  const others = server.listeners('clientError') as OnClientError[]
  const answered = new WeakSet<Socket>()
  server.removeAllListeners('clientError')
  server.on('clientError', (error: Parameters<OnClientError>[0], socket: Socket) => {
    // What follows is no HTTP either.
    if (answered.has(socket)) return
    const { rawPacket } = error
    const isTls = Buffer.isBuffer(rawPacket) && rawPacket[0] === handshake
    if (!isTls || socket.bytesWritten > 0 || !socket.writable) {
      for (const other of others) other(error, socket)
      return
    }
    answered.add(socket)
    onKnock(socket)
    socket.end(alert, () => setTimeout(() => socket.destroy(), lingerMs).unref())
  })
}
