import assert from 'node:assert/strict'
import { randomInt, randomUUID } from 'node:crypto'
import test from 'node:test'

import { startFace } from './face-rig.ts'

interface Call {
  id: number | string
  token: number | string
  steps: number
}

const shuffled = <T>(values: T[]): T[] =>
  values
    .map((value) => ({ value, order: randomInt(2 ** 40) }))
    .sort((a, b) => a.order - b.order)
    .map(({ value }) => value)

/** Ids and tokens overlap on purpose: numbers, the same as strings, and random ones. */
function inventCalls(count: number): Call[] {
  const values = Array.from({ length: count }, (_, n) =>
    n % 4 === 0 ? n : n % 4 === 1 ? String(n - 1) : n % 4 === 2 ? randomUUID() : -n,
  )
  const tokens = shuffled(values)
  return values.map((id, n) => ({ id, token: tokens[n] ?? '', steps: randomInt(6) }))
}

const title = 'of 200 calls at once each gets its own progress, in order, and its own answer'
for (const waitMs of [0, 20])
  test(`${title}, after ${waitMs} ms`, async (t) => {
    const rig = await startFace(t)
    await rig.initialize()
    const calls = inventCalls(200)
    const replies = calls.map(({ id, token }) => {
      const params = { _meta: { progressToken: token } }
      return rig.post({ jsonrpc: '2.0', id, method: 'tools/call', params })
    })
    await rig.heard(200)
    rig.advance(waitMs)

    const scripts = calls.map(({ id, token, steps }) => [
      ...Array.from({ length: steps }, (_, progress) => ({
        method: 'notifications/progress',
        params: { progressToken: token, progress },
      })),
      { id, result: { of: id } },
    ])
    for (const turn of shuffled(scripts.flatMap((script, n) => script.map(() => n)))) {
      const message = scripts[turn]?.shift()
      assert.ok(message)
      rig.say(message)
      if (randomInt(20) === 0) await new Promise((resolve) => setImmediate(resolve))
    }

    for (const [n, { id, token, steps }] of calls.entries()) {
      const reply = await replies[n]
      assert.equal(reply?.status, 200)
      const isJson = reply.headers['content-type'] === 'application/json'
      const messages = isJson ? [JSON.parse(await reply.text()) as unknown] : await reply.rest()
      const progress = Array.from({ length: steps }, (_, step) => ({
        jsonrpc: '2.0',
        method: 'notifications/progress',
        params: { progressToken: token, progress: step },
      }))
      assert.deepEqual(messages, [...progress, { jsonrpc: '2.0', id, result: { of: id } }])
    }
    assert.deepEqual(rig.garbage, [])
  })
