import { request } from 'node:http'

import { nonceHeader } from './keeper/protocol.ts'

/** The gateway's side of the keeper's control requests (`keeper/protocol.ts`). */
export interface KeeperClient {
  call(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<KeeperAnswer>
}

export interface KeeperAnswer {
  statusCode: number
  body: unknown
}

/** Rejects with the error of the connection when nobody is there any more. */
export function createKeeperClient(socketPath: string, nonce: string): KeeperClient {
  return {
    call: (method, path, body, signal) =>
      new Promise((resolve, reject) => {
        const sent = request(
          {
            socketPath,
            method,
            path,
            agent: false,
            headers: { host: 'keeper', [nonceHeader]: nonce, connection: 'close' },
            ...(signal === undefined ? {} : { signal }),
          },
          (response) => {
            let text = ''
            response.setEncoding('utf8')
            response.on('data', (chunk: string) => (text += chunk))
            response.on('error', reject)
            response.once('end', () =>
              resolve({
                statusCode: response.statusCode ?? 0,
                body: text === '' ? undefined : (JSON.parse(text) as unknown),
              }),
            )
          },
        )
        sent.on('error', reject)
        sent.end(body === undefined ? undefined : JSON.stringify(body))
      }),
  }
}
