import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { Duplex } from 'node:stream'

import { guarded, tellFault } from '../ground/guarded.ts'
import { answer, refuse } from './control-replies.ts'
import { refuseUpgrade } from './frame-server.ts'
import type { KeeperBoot } from './protocol.ts'
import { nonceHeader } from './protocol.ts'

/** The socket of one worker, behind which nobody is heard who does not know its nonce. */
export interface Door {
  close(): void
}

export interface DoorOptions {
  boot: Pick<KeeperBoot, 'socketPath' | 'nonce'>
  onListening(): void
  serve(request: IncomingMessage, response: ServerResponse): void
  /** @returns false for one that there is none for: it is refused */
  upgrade(request: IncomingMessage, socket: Duplex, first: Buffer): boolean
  /** Of every answer that is begun, so that it can be waited for. */
  onAnswer(response: ServerResponse): void
}

const onFault = tellFault('keeping a server')

export function openDoor(options: DoorOptions): Door {
  const { boot, onListening, serve, upgrade, onAnswer } = options
  const nonce = Buffer.from(boot.nonce)
  const http = createServer({
    requestTimeout: 0,
    headersTimeout: 0,
    keepAliveTimeout: 0,
    // What the gateway lets in, and its own beside that.
    maxHeaderSize: 160 * 1024,
  })
  const knows = ({ headers }: IncomingMessage): boolean => {
    const given = Buffer.from(String(headers[nonceHeader] ?? ''))
    return given.length === nonce.length && timingSafeEqual(given, nonce)
  }
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    onAnswer(response)
    // What is written to a connection that has gone is reported here, and 'close' has dealt with it.
    response.on('error', () => undefined)
    if (knows(request)) serve(request, response)
    else answer(response, 403)
  }
  http.on('request', (request, response) => {
    // Only this request is lost.
    guarded(onRequest, (thrown) => {
      onFault(thrown)
      refuse(response)
    })(request, response)
  })
  const onUpgrade = (request: IncomingMessage, socket: Duplex, first: Buffer): void => {
    if (!knows(request) || !upgrade(request, socket, first)) refuseUpgrade(socket)
  }
  http.on('upgrade', guarded(onUpgrade, onFault))
  const umask = process.umask(0o077)
  http.listen(boot.socketPath, guarded(onListening, onFault))
  // The socket is there by now, and the server has to find what the gateway was started with.
  process.umask(umask)
  return {
    close() {
      http.close()
      http.closeAllConnections()
    },
  }
}
