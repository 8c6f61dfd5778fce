import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { meanwhile } from '../support/patience.ts'
import { openRaw } from '../support/raw-session.ts'
import type { SseEvent } from '../support/sse.ts'

const command: [string, string] = ['node', compiled('test/fixtures/workers/firehose.js')]
const gateway = await startGatewayProcess(
  { after },
  {
    direct: { command, http: true },
    relayed: { command, http: true, relay: true },
    stdio: { command: ['node', compiled('test/fixtures/workers/floods.js'), 'events'] },
  },
)
const megabyte = 1_000_000

for (const server of ['direct', 'relayed']) {
  test(`a client that does not read holds its worker back, not the gateway's memory: ${server}`, async () => {
    const session = await openRaw(gateway.mcp(server))
    const poured = async (): Promise<number> =>
      (await session.ask<{ pouredBytes: number }>('poured')).pouredBytes
    await poured()
    const beforeBytes = await gateway.residentBytes()
    const answer = await session.call('pour', { bytes: 80 * megabyte })
    let pouredBytes = 0
    await eventually(
      async () => {
        const nowBytes = await poured()
        const isStalled = nowBytes === pouredBytes && nowBytes > 0
        pouredBytes = nowBytes
        assert.ok(isStalled, `poured ${nowBytes}`)
      },
      { everyMs: 200 },
    )
    assert.ok(pouredBytes < 40 * megabyte, `the worker could write ${pouredBytes} bytes`)
    const grownBytes = (await gateway.residentBytes()) - beforeBytes
    assert.ok(grownBytes < 40 * megabyte, `the gateway grew by ${grownBytes} bytes`)

    // It goes on where it stopped, and nothing was lost.
    let readBytes = 0
    for (let event = await answer.next(); event !== undefined; event = await answer.next()) {
      readBytes += event.data.length
    }
    assert.ok(readBytes > 80 * megabyte)
    const afterBytes = (await gateway.residentBytes()) - beforeBytes
    assert.ok(afterBytes < 70 * megabyte, `the gateway grew by ${afterBytes} bytes`)
  })
}

test('a client that does not read holds back a stdio server, and loses nothing', async () => {
  const session = await openRaw(gateway.mcp('stdio'))
  const answer = await session.call('pour')
  const first = await answer.next()
  // All that comes through the same pipe stands still with it.
  await meanwhile(1000)
  const pinged = { isAnswered: false }
  const ping = session.post({ jsonrpc: '2.0', id: 'ping', method: 'ping' })
  const pong = ping.then(async (reply) => {
    const events = await reply.rest()
    pinged.isAnswered = true
    return events
  })
  await meanwhile(300)
  assert.equal(pinged.isAnswered, false)

  const called = messagesIn([first, ...(await answer.rest())])
  assert.deepEqual(called.at(-1)?.result, { method: 'tools/call' })
  // Standard output tells no relation: some came with the newer request.
  const all = [...called, ...messagesIn(await pong)]
  const numbers = all.flatMap(({ params }) => params?.data.nth ?? [])
  assert.deepEqual(
    numbers.toSorted((one, other) => one - other),
    Array.from({ length: 2000 }, (_, nth) => nth),
  )
})

interface Told {
  params?: { data: { nth: number } }
  result?: object
}

const messagesIn = (events: (SseEvent | undefined)[]): Told[] =>
  events.flatMap((event) =>
    event === undefined || event.data === '' ? [] : [JSON.parse(event.data) as Told],
  )
