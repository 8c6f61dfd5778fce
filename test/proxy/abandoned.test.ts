import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'

import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import { processesWith } from '../support/processes.ts'
import { postRpc } from '../support/raw-http.ts'
import { initializeMessage } from '../support/raw-session.ts'
import { tempDir } from '../support/temp.ts'

const fixture = (name: string): string => compiled(`test/fixtures/workers/${name}.js`)

async function abandon(t: TestContext, servers: Parameters<typeof startTestGateway>[1]) {
  const gateway = await startTestGateway(t, servers)
  const leave = new AbortController()
  const answer = postRpc(gateway.mcp('worker'), initializeMessage(), { signal: leave.signal })
  return {
    gateway,
    async leave() {
      leave.abort()
      await assert.rejects(answer, { name: 'AbortError' })
      const { session } = gateway.seen('session.opened')[0]!
      const closed = await gateway.saw('session.closed', (news) => news.session === session)
      assert.equal(closed.reason, 'abandoned')
      assert.deepEqual(processesWith(gateway.stateDir), [])
      assert.deepEqual(gateway.seen('session.live'), [])
    },
  }
}

test('a client that goes while its worker starts leaves nothing behind', async (t) => {
  const file = join(tempDir(t), 'marks')
  const { leave } = await abandon(t, {
    worker: { command: ['node', fixture('slow-start'), file, '60000'], http: true },
  })
  await eventually(() => assert.match(readFileSync(file, 'utf8'), /started/))
  await leave()
})

test('a client that goes during initialize leaves nothing behind', async (t) => {
  const { gateway, leave } = await abandon(t, {
    worker: { command: ['node', fixture('refuses-initialize'), 'never'], http: true },
  })
  await gateway.saw('worker.started')
  await leave()
})

test('a client that goes while its session waits for a start never has a worker', async (t) => {
  const file = join(tempDir(t), 'marks')
  const { gateway, leave } = await abandon(t, {
    worker: { command: ['node', fixture('slow-start'), file, '60000'], http: true },
  })
  const waiting = new AbortController()
  const answer = postRpc(gateway.mcp('worker'), initializeMessage(), { signal: waiting.signal })
  await eventually(() => assert.equal(gateway.seen('session.opened').length, 2))
  await eventually(() => assert.match(readFileSync(file, 'utf8'), /started/))
  waiting.abort()
  await assert.rejects(answer, { name: 'AbortError' })
  const closed = await gateway.saw('session.closed')
  assert.equal(closed.reason, 'abandoned')
  assert.equal(closed.session, gateway.seen('session.opened')[1]?.session)
  await leave()
  assert.equal(readFileSync(file, 'utf8').match(/started/g)?.length, 1)
})
