import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { openRaw } from '../support/raw-session.ts'

const command: [string, string] = ['node', compiled('test/fixtures/workers/firehose.js')]
const gateway = await startGatewayProcess(
  { after },
  { direct: { command, http: true }, relayed: { command, http: true, relay: true } },
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
