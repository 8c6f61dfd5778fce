import type { IncomingMessage } from 'node:http'
import { request } from 'node:http'

import { parseJson } from '../ground/json.ts'
import { guarded, inBackground, tellFault } from '../ground/guarded.ts'
import type { KeeperExit } from '../keeper/protocol.ts'
import { nonceHeader } from '../keeper/protocol.ts'

/** The gateway's side of the keeper's control requests (`keeper/protocol.ts`). */
export interface KeeperClient {
  /** Rejects with the error of the connection when nobody is there any more. */
  call(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<KeeperAnswer>
  /**
   * Is there for the keeper from now on, and hears of the end of its server at once. The connection
   * lets this process end.
   *
   * @returns undefined when the keeper has no server, is not the one that is meant, or is gone
   */
  watch(): Promise<Watch | undefined>
  /**
   * What the operator should know of what a stdio server writes: settles when it has begun to. The
   * connection lets this process end.
   *
   * @returns undefined when there is nothing to say, or nobody who could
   */
  advice(): Promise<string | undefined>
}

export interface KeeperAnswer {
  statusCode: number
  body: unknown
}

export interface Watch {
  /** Settles when it is over: with how the server ended; undefined when the connection broke. */
  over: Promise<KeeperExit | undefined>
}

/**
 * A keeper says no more than a server's last lines, or the record of a session. Its server may have
 * put itself in its place.
 */
const saidLength = 1024 * 1024

/** A keeper answers in a moment; one that does not for so long is stuck. */
const answerMs = 10_000

export function createKeeperClient(socketPath: string, nonce: string): KeeperClient {
  const to = (method: string, path: string) => ({
    socketPath,
    method,
    path,
    agent: false,
    headers: { host: 'keeper', [nonceHeader]: nonce, connection: 'close' },
  })

  return {
    call: (method, path, body, signal) =>
      new Promise((resolve, reject) => {
        const options = { ...to(method, path), ...(signal === undefined ? {} : { signal }) }
        const sent = request(options, (response) => {
          response.on('error', reject)
          const read = bodyOf(response).then((text) => {
            const statusCode = response.statusCode ?? 0
            if (text === undefined) reject(new Error('the connection broke'))
            else resolve({ statusCode, body: valueOf(text) })
          })
          inBackground(read, reject)
        })
        sent.on('error', reject)
        sent.end(body === undefined ? undefined : JSON.stringify(body))
      }),

    watch: () =>
      new Promise((resolve) => {
        const sent = request(to('GET', '/keeper/watch'), (response) => {
          clearTimeout(limit)
          // Its early end is told by its body.
          response.on('error', () => undefined)
          const body = bodyOf(response)
          if (response.statusCode !== 200) {
            resolve(undefined)
            return
          }
          response.socket.unref()
          // Whoever wrote what is no JSON is no keeper that can be asked anything.
          const over = body
            .then((text) =>
              text === undefined ? undefined : (valueOf(text) as KeeperExit | undefined),
            )
            .catch(() => undefined)
          resolve({ over })
        })
        const limit = setTimeout(() => sent.destroy(), answerMs)
        sent.on('error', () => undefined)
        const closed = (): void => {
          clearTimeout(limit)
          resolve(undefined)
        }
        sent.once('close', guarded(closed, tellFault('watching a keeper')))
        sent.end()
      }),

    advice: () =>
      new Promise((resolve) => {
        const sent = request(to('GET', '/keeper/advice'), (response) => {
          response.on('error', () => undefined)
          const read = bodyOf(response).then((text) => {
            const said = response.statusCode === 200 ? valueOf(text ?? '') : undefined
            resolve(typeof said === 'string' ? said : undefined)
          })
          inBackground(read, () => resolve(undefined))
        })
        sent.once('socket', (socket) => socket.unref())
        sent.on('error', () => resolve(undefined))
        sent.end()
      }),
  }
}

/** The whole of it; undefined when the connection broke before. */
function bodyOf(response: IncomingMessage): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = ''
    response.setEncoding('utf8')
    const failed = (): void => {
      resolve(undefined)
      response.destroy()
    }
    response.on(
      'data',
      guarded((chunk: string) => {
        text += chunk
        if (text.length > saidLength) failed()
      }, failed),
    )
    const closed = (): void => resolve(response.complete ? text : undefined)
    response.once('close', guarded(closed, failed))
  })
}

/** @throws for what no keeper says */
function valueOf(text: string): unknown {
  if (text === '') return undefined
  const read = parseJson(text, saidLength)
  if (read.ok) return read.value
  throw new Error('what answers on the socket of a keeper is none')
}
