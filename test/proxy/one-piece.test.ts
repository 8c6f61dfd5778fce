import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { after, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'

import { GatewayError } from '../../src/ground/errors.ts'
import { mcp } from '../../src/protocols/mcp.ts'
import { createDownstream } from '../../src/proxy/downstream.ts'
import { fakeClock } from '../support/fake-clock.ts'
import { startWaiting } from './answer-rig.ts'

const nextRequest = await startWaiting({ after })
const events = { 'content-type': 'text/event-stream' }
const event = 'data: {"jsonrpc":"2.0","id":1,"result":{"text":"größer"}}\n\n'

/** How often a socket is written to: each is a call of the system, and wakes who reads. */
function countWrites(socket: Socket): () => number {
  let count = 0
  for (const name of ['_write', '_writev'] as const) {
    const write = socket[name]?.bind(socket) as (...given: unknown[]) => void
    Object.assign(socket, {
      [name]: (...given: unknown[]) => {
        count += 1
        write(...given)
      },
    })
  }
  return () => count
}

async function open(kind: 'post' | 'get') {
  const { response, received, incoming } = await nextRequest()
  const downstream = createDownstream({
    ...{ response, kind, isStandalone: kind === 'get', protocol: mcp, clock: fakeClock() },
    ...{ traffic: undefined, exchanges: [], ids: [1], requestId: 'r', extraHeaders: {} },
    publicId: 'public',
  })
  return { downstream, received, incoming, writes: countWrites(socketOf(response)) }
}

function socketOf({ socket }: ServerResponse): Socket {
  return socket ?? assert.fail('it has no socket')
}

test('a short stream leaves in one piece with its head and its end', async () => {
  const { downstream, received, incoming, writes } = await open('post')
  downstream.head(200, { ...events, 'content-length': '7' })
  downstream.write(Buffer.from(event))
  downstream.write(Buffer.from(event))
  downstream.end()
  assert.equal(writes(), 1)
  assert.deepEqual(await received, { how: 'whole', statusCode: 200, body: event + event })
  const { headers } = await incoming
  assert.equal(headers['content-type'], 'text/event-stream')
  assert.equal(headers['content-length'], String(Buffer.byteLength(event + event)))
})

test('an idle stream is not held back: its head, each event and its end are one piece each', async () => {
  const { downstream, received, incoming, writes } = await open('get')
  downstream.head(200, events)
  await incoming
  assert.equal(writes(), 1)
  downstream.write(Buffer.from(event))
  await nextTurn()
  assert.equal(writes(), 2)
  downstream.write(Buffer.from(event))
  downstream.end()
  assert.equal(writes(), 3)
  assert.deepEqual(await received, { how: 'whole', statusCode: 200, body: event + event })
})

test('the head leaves with the first events, if they came with it', async () => {
  const { downstream, received, writes } = await open('post')
  downstream.head(200, events)
  downstream.write(Buffer.from(event))
  await nextTurn()
  assert.equal(writes(), 1)
  downstream.write(Buffer.from(event))
  downstream.fail(new GatewayError('ERR_PROXY_WORKER_CUT'))
  assert.equal(writes(), 2)
  assert.deepEqual(await received, { how: 'whole', statusCode: 200, body: event + event })
})

test('an answer that breaks off in an event is cut behind what has come', async () => {
  const { downstream, received, writes } = await open('post')
  downstream.head(200, events)
  downstream.write(Buffer.from(event.slice(0, 20)))
  downstream.fail(new GatewayError('ERR_PROXY_WORKER_CUT'))
  assert.equal(writes(), 1)
  assert.deepEqual(await received, { how: 'cut', statusCode: 200, body: event.slice(0, 20) })
})
