import { connect } from 'node:net'

import { longEnoughMs } from '../support/patience.ts'

/** The value, or that there was none in a time in which everything happens. */
export async function withinLong<T>(work: Promise<T>, ms = longEnoughMs): Promise<T | 'nothing'> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'nothing'>((resolve) => {
    timer = setTimeout(() => resolve('nothing'), ms)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

export interface RawAnswer {
  text: string
  status: number
  hasClosed: boolean
}

/** Writes these bytes to the gateway, and gives what comes back until it closes or falls silent. */
export function rawBytes(
  port: number,
  bytes: string | Buffer | readonly (string | Buffer)[],
  { silentMs = 1000 }: { silentMs?: number } = {},
): Promise<RawAnswer> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const chunks: Buffer[] = []
    const settle = (hasClosed: boolean): void => {
      clearTimeout(timer)
      socket.destroy()
      const text = Buffer.concat(chunks).toString('latin1')
      resolve({ text, hasClosed, status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0) })
    }
    let timer = setTimeout(() => settle(false), longEnoughMs)
    socket.on('data', (chunk) => {
      chunks.push(chunk)
      clearTimeout(timer)
      if (isWhole(Buffer.concat(chunks))) {
        settle(false)
        return
      }
      timer = setTimeout(() => settle(false), silentMs)
    })
    socket.on('error', () => undefined)
    socket.on('close', () => settle(true))
    for (const part of [bytes].flat()) socket.write(part)
  })
}

/** Whether an answer is here as far as its length says. */
function isWhole(bytes: Buffer): boolean {
  const end = bytes.indexOf('\r\n\r\n')
  const head = bytes.toString('latin1', 0, end)
  if (/^connection: *close/im.test(head)) return false
  const [, length] = /^content-length: *(\d+)/im.exec(head) ?? []
  return end >= 0 && length !== undefined && bytes.length >= end + 4 + Number(length)
}

/** Whether the answer names a session, as it does when one was opened. */
export const namesSession = ({ text }: RawAnswer): boolean => /^mcp-session-id:/im.test(text)

/** A POST by hand, with these lines in its head beside the usual ones. */
export function postBytes(target: string, lines: readonly string[], body: string): Buffer {
  const head = [`POST ${target} HTTP/1.1`, ...lines, 'Content-Type: application/json']
  const accept = 'Accept: application/json, text/event-stream'
  return Buffer.from([...head, accept, '', body].join('\r\n'))
}
