import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { connectClient, textOf } from '../support/mcp-client.ts'
import { processesWith } from '../support/processes.ts'
import { place } from './berth.ts'
import type { Place, Serving } from './berth.ts'

const planner = compiled('src/demo/trip-planner.js')
// As npx does: a wrapper, a shell, and only then the server.
const wrapped = ['--', 'sh', '-c', `sh -c "node ${planner}; true"; true`]

describe('serve ends every worker', { concurrency: 3 }, () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    it(`and exits 0 at ${signal}`, async (t) => {
      const here = place(t)
      const serving = await here.serve(wrapped)
      await Promise.all([open(t, serving), open(t, serving)])
      assert.ok(workers(here).length >= 6)
      serving.child.kill(signal)
      const { code, stderr } = await serving.done
      assert.equal(code, 0)
      assert.match(stderr, /\nEnding every worker … \(Ctrl-C again does not wait\)\n$/)
      assertNothingLeft(here)
      assert.deepEqual(readdirSync(join(here.stateDir, 'gateways')), [])
    })
  }

  it('and lets a call in progress be answered before', async (t) => {
    const here = place(t)
    const serving = await here.serve(wrapped)
    let answer = (): void => undefined
    const asked = new Promise<void>((resolve) => {
      answer = resolve
    })
    let isAsked = (): void => undefined
    const pending = new Promise<void>((resolve) => {
      isAsked = resolve
    })
    const { call } = await connectClient(t, serving.mcp('server'), {
      elicitation: async () => {
        isAsked()
        await asked
        return { action: 'cancel' }
      },
    })
    const result = call('plan_trip')
    await pending
    serving.child.kill('SIGTERM')
    await serving.says(/Ending every worker/)
    await assert.rejects(open(t, serving), /ERR_SESSIONS_DRAINING/)
    answer()
    assert.match(textOf(await result), /You cancelled at the question about the destination/)
    assert.equal((await serving.done).code, 0)
    assertNothingLeft(here)
  })

  it('at the second Ctrl-C without waiting, and exits 130', async (t) => {
    const here = place(t)
    const serving = await here.serve(wrapped)
    let isAsked = (): void => undefined
    const pending = new Promise<void>((resolve) => {
      isAsked = resolve
    })
    const { client, call } = await connectClient(t, serving.mcp('server'), {
      elicitation: () => {
        isAsked()
        return new Promise(() => undefined)
      },
    })
    const lost = assert.rejects(call('plan_trip'))
    await pending
    serving.child.kill('SIGINT')
    await serving.says(/Ending every worker/)
    serving.child.kill('SIGINT')
    assert.equal((await serving.done).code, 130)
    await eventually(() => assertNothingLeft(here))
    // It would wait for the answer until its own limit.
    await client.close()
    await lost
  })
})

function open(t: TestContext, serving: Serving) {
  return connectClient(t, serving.mcp('server'))
}

/** Every process of a worker has its session's folder in its environment. */
function workers({ stateDir }: Place): unknown[] {
  return processesWith(join(stateDir, 'sessions'))
}

function assertNothingLeft(here: Place): void {
  assert.deepEqual(workers(here), [])
}
