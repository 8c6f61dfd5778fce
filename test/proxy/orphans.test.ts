import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, test } from 'node:test'

import type { RpcMessage } from '../../src/ground/jsonrpc.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import { listening } from '../support/listening.ts'
import { openRaw } from '../support/raw-session.ts'

/** What the worker has begun to answer, by id, and never ends. */
const open = new Set<unknown>()
const worker = createServer((incoming, response) => {
  const chunks: Buffer[] = []
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
  incoming.on('end', () => {
    const { id, method } = JSON.parse(Buffer.concat(chunks).toString() || '{}') as RpcMessage
    if (method === 'tools/call') {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      open.add(id)
      response.once('close', () => open.delete(id))
    } else if (id === undefined) {
      response.writeHead(202).end()
    } else {
      const result = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: {} }
      response.setHeader('content-type', 'application/json')
      response.setHeader('mcp-session-id', 'own')
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
    }
  })
})
const origin = await listening({ after }, worker)
const gateway = await startTestGateway({ after }, { far: { url: `${origin}/mcp` } })

test('of calls that were cancelled and left, 64 keep a connection; what is awaited keeps its own', async () => {
  const session = await openRaw(gateway.mcp('far'))
  const left = await session.call('left, and not cancelled')
  left.abort()
  const awaited = await session.call('awaited')
  for (let id = 3; id < 103; id += 1) {
    const call = await session.call('cancelled')
    const params = { requestId: id }
    await session.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params })
    call.abort()
  }
  await eventually(() => assert.equal(open.size, 66))
  assert.ok(open.has(1) && open.has(2) && open.has(102), [...open].join(' '))
  awaited.abort()
})
