import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'

import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import { processesWith } from '../support/processes.ts'
import { postRpc } from '../support/raw-http.ts'
import { initializeMessage, openRaw } from '../support/raw-session.ts'

const floods = (when: string): [string, ...string[]] => [
  'node',
  compiled('test/fixtures/workers/floods.js'),
  when,
]
const gateway = await startTestGateway(
  { after },
  { line: { command: floods('line') }, opening: { command: floods('opening') } },
)

/** The most that a keeper has held. */
function mostBytes(): number {
  const [keeper] = processesWith('keeper/main.js')
  const status = keeper === undefined ? '' : readFileSync(`/proc/${keeper.pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024
}

test('a line without an end ends its session with a reason, and its keeper stays small', async () => {
  const session = await openRaw(gateway.mcp('line'))
  let peakBytes = 0
  const called = session.call('pour').then((answer) => answer.text())
  await eventually(
    () => {
      try {
        peakBytes = Math.max(peakBytes, mostBytes())
      } catch {
        // It has gone meanwhile.
      }
      assert.equal(gateway.seen('session.closed').length, 1)
    },
    { everyMs: 20 },
  )
  assert.match(await called, /it wrote a line of more than 32 MiB/)
  const [closed] = gateway.seen('session.closed')
  assert.equal(closed?.reason, 'worker-exited')
  assert.ok(peakBytes > 0 && peakBytes < 300_000_000, `the keeper held ${peakBytes} bytes`)
})

test('a server that sends without end before it answers is given up, with a reason', async () => {
  const answer = await postRpc(gateway.mcp('opening'), initializeMessage())
  assert.equal(answer.status, 502)
  const { error } = await answer.json()
  // Its keeper cuts the connection where the gateway is slower than its own limit.
  assert.match(error?.message ?? '', /ERR_WORKERS_REFUSED|ERR_PROXY_WORKER_CUT/)
  const closed = await gateway.saw('session.closed', ({ server }) => server === 'opening')
  assert.equal(closed.reason, 'start-failed')
})
