import type { IncomingMessage } from 'node:http'
import { request } from 'node:http'

import type { Listener } from './listening.ts'
import type { ListensElsewhere } from './protocol.ts'

type Speaks = ListensElsewhere['speaks']

interface Answer {
  statusCode: number
  headers: IncomingMessage['headers']
  body: string
}

const answerMs = 2000
const bodyChars = 4096
const rpcPing = JSON.stringify({ jsonrpc: '2.0', id: 'mcp-berth', method: 'ping' })

/**
 * What answers there: asked for a `ping` as AgentCore does, for the health of an agent, and for the
 * stream of MCP's first transport. None of it changes anything in a server.
 *
 * @param path of the endpoint, as configured
 */
export async function whatSpeaks(listener: Listener, path: string): Promise<Speaks> {
  const pinged = await ask(listener, 'POST', path, rpcPing)
  // Nothing that speaks HTTP is there, or it is not ready to.
  if (pinged === undefined) return 'unknown'
  if (isMcp(pinged, path)) return 'mcp'
  const health = await ask(listener, 'GET', '/ping')
  if (health?.statusCode === 200 && /"status"\s*:\s*"Healthy/.test(health.body)) return 'agent'
  const stream = await ask(listener, 'GET', '/sse')
  const isStream = stream?.headers['content-type']?.startsWith('text/event-stream') === true
  return stream?.statusCode === 200 && isStream ? 'sse' : 'unknown'
}

/** An answer to it, a refusal in the words of JSON-RPC, a way to it, or a demand for a login. */
function isMcp({ statusCode, headers, body }: Answer, path: string): boolean {
  if (/"jsonrpc"\s*:/.test(body)) return true
  const isMoved = statusCode === 307 || statusCode === 308
  if (isMoved) return headers.location?.includes(path.replace(/\/$/, '')) === true
  return statusCode === 401 && /^bearer/i.test(headers['www-authenticate'] ?? '')
}

/** The beginning of the answer; undefined when there is none. */
function ask(
  { address, port }: Listener,
  method: string,
  path: string,
  body?: string,
): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const anywhere: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '::1' }
    const sent = request({
      ...{ host: anywhere[address] ?? address, port, method, path, agent: false },
      headers: {
        host: `localhost:${port}`,
        accept: 'application/json, text/event-stream',
        connection: 'close',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
    })
    let answer: Answer | undefined
    const over = (): void => {
      clearTimeout(limit)
      sent.destroy()
      resolve(answer)
    }
    const limit = setTimeout(over, answerMs)
    sent.on('error', over)
    sent.on('response', (response) => {
      const { statusCode = 0, headers } = response
      const begun: Answer = { statusCode, headers, body: '' }
      answer = begun
      // A stream goes on for ever, and its head says enough.
      if (method === 'GET' && headers['content-type']?.startsWith('text/event-stream')) over()
      response.setEncoding('utf8')
      response.on('data', (text: string) => {
        begun.body += text
        if (begun.body.length >= bodyChars) over()
      })
      response.on('error', over)
      response.once('end', over)
    })
    sent.end(body)
  })
}
