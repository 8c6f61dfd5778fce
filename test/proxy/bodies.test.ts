import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { after, test } from 'node:test'

import { atEnd } from '../support/at-end.ts'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import { listening } from '../support/listening.ts'
import { openRaw } from '../support/raw-session.ts'

const megabyte = 1_000_000

/** What the worker of `elsewhere` has seen of each request so far. */
const arrived: { bytes: number; length: string | undefined; isWhole: boolean }[] = []
const worker = createServer((incoming, response) => {
  if (incoming.method === 'GET') {
    response.setHeader('content-type', 'application/json').end('{"status":"Healthy"}')
    return
  }
  const seen = { bytes: 0, length: incoming.headers['content-length'], isWhole: false }
  arrived.push(seen)
  incoming.on('data', (chunk: Buffer) => (seen.bytes += chunk.length))
  incoming.on('error', () => undefined)
  incoming.on('end', () => {
    seen.isWhole = true
    response.setHeader('content-type', 'application/json').end('{}')
  })
})
const origin = await listening({ after }, worker)

const gateway = await startTestGateway(
  { after },
  {
    echo: { command: ['node', compiled('test/fixtures/workers/echo.js')], http: true },
    elsewhere: { url: `${origin}/invocations`, protocol: 'http' },
  },
)
const invocations = `${gateway.url}/servers/elsewhere/invocations`

function begin(url: string, headers: Record<string, string>): ClientRequest {
  const sending = request(url, { method: 'POST', agent: false, headers })
  sending.on('error', () => undefined)
  atEnd({ after }, () => void sending.destroy())
  return sending
}
const answerTo = async (sending: ClientRequest): Promise<[number, IncomingMessage['headers']]> => {
  const [response] = (await once(sending, 'response')) as [IncomingMessage]
  response.resume()
  return [response.statusCode ?? 0, response.headers]
}

test('a payload for a server that speaks no MCP goes on as it comes, and is not held', async () => {
  const length = String(20 * megabyte)
  const headers = { 'content-type': 'application/octet-stream', 'content-length': length }
  const sending = begin(invocations, headers)
  sending.write(Buffer.alloc(5 * megabyte))
  await eventually(() => assert.equal(arrived.at(-1)?.bytes, 5 * megabyte))
  const seen = arrived.at(-1)
  assert.deepEqual([seen?.length, seen?.isWhole], [length, false])
  sending.end(Buffer.alloc(15 * megabyte))
  assert.equal((await answerTo(sending))[0], 200)
  assert.deepEqual([seen?.bytes, seen?.isWhole], [20 * megabyte, true])
})

test('of what says to be too large nothing is read', async () => {
  const headers = { 'content-type': 'application/json', 'content-length': String(200 * megabyte) }
  const sending = begin(invocations, headers)
  sending.flushHeaders()
  // AgentCore calls it a bad request.
  assert.equal((await answerTo(sending))[0], 400)
})

test('bodies that are not finished are held up to a limit, and short messages get through', async () => {
  const session = await openRaw(gateway.mcp('echo'))
  const headers = { 'content-type': 'application/json', 'transfer-encoding': 'chunked' }
  const sendings = Array.from({ length: 5 }, () => begin(invocations, headers))
  const answers = sendings.map(answerTo)
  for (const sending of sendings) sending.write(Buffer.alloc(40 * megabyte, ' '))
  const [status, { 'retry-after': retryAfter }] = await Promise.race(answers)
  assert.deepEqual([status, retryAfter], [429, '5'])
  assert.equal((await session.call('pid')).status, 200)

  // With their connections goes what they held.
  for (const sending of sendings) sending.destroy()
  await Promise.allSettled(answers)
  await eventually(async () => {
    const again = begin(invocations, headers)
    again.end(Buffer.alloc(90 * megabyte, ' '))
    assert.equal((await answerTo(again))[0], 200)
  })
})

test('a long message arrives as it was sent', async () => {
  const session = await openRaw(gateway.mcp('echo'))
  const text = 'ä€😀'.repeat(300_000)
  const { base64 } = await session.ask<{ base64: string }>('body', { text })
  assert.ok(Buffer.from(base64, 'base64').includes(text))
})
