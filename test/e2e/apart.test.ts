import assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import { after, describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { handleOf } from '../../src/ground/handle.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { connectClient, textOf } from '../support/mcp-client.ts'
import { alive } from '../support/processes.ts'

process.env['SECRET_OF_THE_GATEWAY'] = 'not for workers'
after(() => delete process.env['SECRET_OF_THE_GATEWAY'])
const gateway = await startTestGateway(
  { after },
  { surroundings: { command: ['node', compiled('test/fixtures/workers/surroundings.js')] } },
)

interface Seen {
  cwd: string
  tmp: string
  workspace: string
  /** In each of the three folders. */
  files: string[][]
  kept: string[]
  env: Record<string, string>
  processes: string[]
}

describe('two sessions of one server', { concurrency: 2 }, () => {
  it('have folders, an id and a process of their own, and see nothing of each other', async (t) => {
    const [one, other] = await Promise.all([open(t), open(t)])
    await one.call('leave', { name: 'secret-of-one' })
    const [first, second] = [await look(one), await look(other)]

    assert.deepEqual(first.kept, ['secret-of-one'])
    assert.ok(first.files.every((names) => names.includes('secret-of-one')))
    assert.deepEqual(second.kept, [])
    assert.deepEqual(second.files, [[], [], []])
    for (const key of ['cwd', 'tmp', 'workspace'] as const) assert.notEqual(first[key], second[key])
    for (const [seen, { sessionId }] of [
      [first, one],
      [second, other],
    ] as const) {
      assert.equal(seen.env['BERTH_SESSION_ID'], sessionId)
      assert.equal(seen.env['TMPDIR'], seen.tmp)
      assert.equal(seen.cwd, seen.workspace)
      assert.equal(JSON.stringify(seen.env).includes('not for workers'), false)
      for (const folder of [seen.tmp, seen.workspace]) {
        assert.equal(statSync(folder).mode & 0o777, 0o700)
      }
    }
    const pids = gateway.seen('worker.started').map(({ pid }) => pid)
    assert.equal(new Set(pids).size, pids.length)
  })

  it('show no process of the other where there are PID namespaces', async (t) => {
    const probe = gateway.probes.get('surroundings')
    const hasNamespace = probe?.available === true && /PID namespace/.test(probe.how)
    if (!hasNamespace) {
      t.skip('there is no PID namespace to be had here')
      return
    }
    const [one, other] = await Promise.all([open(t), open(t)])
    const [first, second] = [await look(one), await look(other)]
    // What is in a namespace of its own: the shell that reaps, the keeper, the server.
    for (const { processes } of [first, second]) assert.equal(processes.length, 3)
  })

  it('lose their temporary files at the end, and keep the others to be looked at', async (t) => {
    const session = await open(t)
    await session.call('leave', { name: 'something' })
    const { tmp, workspace } = await look(session)
    const handle = handleOf(session.sessionId!)
    const { pid } = await gateway.saw('worker.started', (news) => news.session === handle)
    await session.terminate()
    await gateway.saw('session.closed', (news) => news.session === handle)
    assert.equal(existsSync(tmp), false)
    assert.equal(existsSync(workspace), true)
    assert.equal(alive(pid!), false)
  })
})

function open(t: TestContext) {
  return connectClient(t, gateway.mcp('surroundings'))
}

async function look({ call }: Pick<Awaited<ReturnType<typeof open>>, 'call'>): Promise<Seen> {
  return JSON.parse(textOf(await call('look'))) as Seen
}
