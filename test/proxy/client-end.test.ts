import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'

import { createClientEnd } from '../../src/proxy/client-end.ts'
import { eventually } from '../support/eventually.ts'
import { fakeClock } from '../support/fake-clock.ts'
import type { Owner } from '../support/temp.ts'
import { startWaiting } from './answer-rig.ts'

/** More than sockets take. */
const much = Buffer.alloc(8_000_000, 'x')

async function open(t: Owner) {
  const waiting = await (await startWaiting(t))()
  const did: string[] = []
  const client = createClientEnd({
    response: waiting.response,
    clock: fakeClock(),
    upstream: () => ({
      pause: () => did.push('pause'),
      resume: () => did.push('resume'),
      abort: () => did.push('abort'),
    }),
    left: (wasFull) => did.push(wasFull ? 'left full' : 'left'),
  })
  waiting.response.on('error', (error) => did.push(error.message))
  client.watch()
  client.head(200, { 'content-type': 'text/plain' })
  const incoming = await waiting.incoming
  return { ...waiting, client, did, incoming }
}

test('the worker pauses while the client has enough, once, and goes on when it has room', async (t) => {
  const { client, did, incoming, received } = await open(t)
  incoming.pause()
  for (let part = 0; part < 3; part += 1) client.bytes(much)
  assert.deepEqual([client.is('full'), did], [true, ['pause']])
  incoming.resume()
  await eventually(() => assert.ok(client.is('ready')))
  assert.deepEqual(did, ['pause', 'resume'])
  client.text('the end')
  client.end()
  const { how, body } = await received
  assert.equal(how, 'whole')
  assert.equal(body.length, 3 * much.length + 'the end'.length)
})

test('what is sent to a client that has gone is dropped, whatever it is', async (t) => {
  const { client, did, leave } = await open(t)
  await leave()
  assert.deepEqual([client.is('gone'), did], [true, ['left']])
  client.head(200, {})
  client.text('text')
  client.bytes(much)
  client.whole(500, {}, 'too late')
  client.end('last words')
  client.cut()
  await nextTurn()
  assert.deepEqual(did, ['left'])
})

test('a client that goes while it has enough says so, and is heard of no more', async (t) => {
  const { client, did, incoming, leave, response } = await open(t)
  incoming.pause()
  client.bytes(much)
  await leave()
  assert.deepEqual(did, ['pause', 'left full'])
  response.emit('drain')
  assert.deepEqual([client.is('gone'), did], [true, ['pause', 'left full']])
})

test('one that has gone before it was watched has left', async (t) => {
  const waiting = await (await startWaiting(t))()
  await waiting.leave()
  const did: boolean[] = []
  const client = createClientEnd({
    response: waiting.response,
    clock: fakeClock(),
    upstream: () => undefined,
    left: (wasFull) => did.push(wasFull),
  })
  client.watch()
  assert.deepEqual([client.is('gone'), did], [true, [false]])
})
