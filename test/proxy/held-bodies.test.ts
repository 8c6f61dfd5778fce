import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'

import type { FastifyRequest } from 'fastify'

import { GatewayError } from '../../src/ground/errors.ts'
import { createBodies, inPieces } from '../../src/proxy/bodies.ts'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import { openRaw } from '../support/raw-session.ts'

const mebibyte = 1024 * 1024
const limit = { limitBytes: 8 * mebibyte, key: 'listen.bodyLimit' }

/** A body that a caller has begun to send. */
function begin(bodies: ReturnType<typeof createBodies>, principal: string) {
  const request = { headers: {}, ip: '::1', asked: { principal }, charge: null }
  const payload = new PassThrough()
  const about: { refused?: string; isDone?: boolean } = {}
  bodies.read(
    request as unknown as FastifyRequest,
    payload as unknown as IncomingMessage,
    limit,
    (error) => {
      about.isDone = true
      if (error instanceof GatewayError) about.refused = error.code
    },
  )
  return {
    about,
    /** As the response does that has closed. */
    close: () => (request.charge as { closed(): void } | null)?.closed(),
    send: (mebibytes: number) =>
      new Promise((resolve) => payload.write(Buffer.alloc(mebibytes * mebibyte), resolve)),
  }
}

test('bodies of all callers together have a limit, and short ones get through', async () => {
  const bodies = createBodies(4 * mebibyte)
  const sendings = ['adam', 'berta', 'cyrus'].map((principal) => begin(bodies, principal))
  await Promise.all(sendings.map(({ send }) => send(1)))
  assert.ok(bodies.heldBytes() > 2 * mebibyte)
  // Each of them is below half of it.
  const dora = begin(bodies, 'dora')
  await dora.send(2)
  assert.equal(dora.about.refused, 'ERR_PROXY_BODIES_FULL')
  const eve = begin(bodies, 'eve')
  await eve.send(1 / 32)
  assert.equal(eve.about.refused, undefined)

  for (const { close } of sendings) close()
  assert.equal(bodies.heldBytes(), 0)
  const again = begin(bodies, 'dora')
  await again.send(2)
  assert.equal(again.about.refused, undefined)
})

test('a caller has half of it', async () => {
  const bodies = createBodies(4 * mebibyte)
  const [one, other] = [begin(bodies, 'adam'), begin(bodies, 'adam')]
  await one.send(1.5)
  await other.send(1)
  assert.equal(other.about.refused, 'ERR_PROXY_CALLER_BODIES_FULL')
})

test('a long body is let go of with its last piece', async () => {
  const held: { body: Buffer | null } = { body: Buffer.alloc(3 * mebibyte, 'x') }
  const given = { isBack: false }
  let bytes = 0
  for await (const piece of inPieces(held, () => (given.isBack = true))) {
    assert.equal(given.isBack, false)
    bytes += piece.length
  }
  assert.deepEqual([bytes, held.body, given.isBack], [3 * mebibyte, null, true])
})

test('what long calls held is given back when they were sent, not when they are answered', async (t) => {
  const gateway = await startTestGateway(t, {
    half: { command: ['node', compiled('test/fixtures/workers/half-said.js')], http: true },
  })
  const session = await openRaw(gateway.mcp('half'))
  const text = 'x'.repeat(4_100_000)
  // More than one caller may hold.
  const calls: ReturnType<typeof session.call>[] = []
  for (let count = 1; count <= 36; count += 1) {
    calls.push(session.call('silent', { text }))
    await eventually(() => {
      const known = gateway.seen('exchange.started').length + gateway.seen('request.failed').length
      assert.equal(known, count)
    })
  }
  assert.deepEqual(gateway.seen('request.failed'), [])
  const statuses: number[] = []
  const all = calls.map((call) => call.then(({ status }) => statuses.push(status)))
  // The last of them may still be on its way to the worker.
  await eventually(async () => {
    await session.ask('release')
    assert.equal(statuses.length, calls.length)
  })
  await Promise.all(all)
  assert.ok(statuses.every((status) => status === 200))
})
