import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { openRaw } from '../support/raw-session.ts'
import { startFace } from './face-rig.ts'

const mebibyte = 1024 * 1024

test('a server that does not read is told no more once 16 MiB wait for it', async () => {
  const gateway = await startTestGateway(
    { after },
    { deaf: { command: ['node', compiled('test/fixtures/workers/stops-reading.js')] } },
  )
  const session = await openRaw(gateway.mcp('deaf'))
  const params = { text: 'x'.repeat(3 * mebibyte) }
  const statuses: number[] = []
  const said: (string | undefined)[] = []
  for (let count = 0; count < 8; count += 1) {
    const answer = await session.post({ jsonrpc: '2.0', method: 'notifications/x', params })
    statuses.push(answer.status)
    if (answer.status !== 202) said.push((await answer.json()).error?.message)
  }
  const taken = statuses.filter((status) => status === 202).length
  // What is on its way when the limit is reached, and what the pipe holds, come on top.
  assert.ok(taken >= 5 && taken <= 7, statuses.join(' '))
  assert.deepEqual(
    statuses.slice(taken),
    Array.from({ length: 8 - taken }, () => 502),
  )
  assert.match(said[0] ?? '', /takes no more messages/)
})

test('a session has 1000 requests open in its keeper at most', async (t) => {
  const rig = await startFace(t)
  await rig.initialize('2025-03-26')
  const requests = (from: number, count: number): object[] =>
    Array.from({ length: count }, (_, at) => ({ jsonrpc: '2.0', id: from + at, method: 'x' }))
  const posted = rig.post(requests(0, 999))
  await rig.heard(999)

  const two = await rig.post(requests(2000, 2))
  assert.equal(two.status, 429)
  assert.match(await two.text(), /1000 requests/)
  assert.equal(rig.lines.length, 999, 'of a batch that does not fit nothing is passed on')
  const last = rig.post(requests(3000, 1))
  await rig.heard(1000)
  assert.equal((await rig.post(requests(4000, 1))).status, 429)

  // One that is answered makes room for another.
  rig.say({ id: 3000, result: {} })
  assert.equal((await last).status, 200)
  void rig.post(requests(5000, 1)).catch(() => undefined)
  await rig.heard(1001)
  for (let id = 0; id < 999; id += 1) rig.say({ id, result: {} })
  assert.equal((await (await posted).text()).match(/"result"/g)?.length, 999)
})
