import assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import { after, describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { handleOf } from '../../src/ground/handle.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { connectClient, textOf } from '../support/mcp-client.ts'
import { alive, keeperAbove, processesOf } from '../support/processes.ts'

process.env['SECRET_OF_THE_GATEWAY'] = 'not for workers'
after(() => delete process.env['SECRET_OF_THE_GATEWAY'])
const command: [string, string] = ['node', compiled('test/fixtures/workers/surroundings.js')]
const gateway = await startTestGateway(
  { after },
  { shared: { command }, alone: { command, sessionsPerKeeper: 1 } },
)

const probe = gateway.probes.get('shared')
const hasNamespace = probe?.available === true && /PID namespace/.test(probe.how)
const hasProc = process.platform === 'linux'
/** Only what has a namespace of its own can. */
const isShared = (server: string): boolean => server === 'shared' && hasNamespace

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

/** What is in a namespace of its own: the shell that reaps, the keeper unless it is shared, the server. */
const inNamespace = { shared: 2, alone: 3 }

for (const server of ['shared', 'alone'] as const) {
  describe(`two sessions of one server: a keeper that is ${server}`, { concurrency: 2 }, () => {
    it('have folders, an id and a process of their own, and see nothing of each other', async (t) => {
      const [one, other] = await Promise.all([open(t, server), open(t, server)])
      await one.call('leave', { name: 'secret-of-one' })
      const [first, second] = [await look(one), await look(other)]

      assert.deepEqual(first.kept, ['secret-of-one'])
      assert.ok(first.files.every((names) => names.includes('secret-of-one')))
      assert.deepEqual(second.kept, [])
      assert.deepEqual(second.files, [[], [], []])
      for (const key of ['cwd', 'tmp', 'workspace'] as const) {
        assert.notEqual(first[key], second[key])
      }
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
      if (hasProc) {
        const keepers = [one, other].map((session) => keeperOf(session))
        assert.equal(keepers[0] === keepers[1], isShared(server))
        const [own, its] = [processesOf(one.sessionId!), processesOf(other.sessionId!)]
        assert.ok(own.length > 0 && its.length > 0)
        assert.ok(own.every((pid) => !its.includes(pid)))
      }
    })

    it('show no process of the other where there are PID namespaces', async (t) => {
      if (!hasNamespace) {
        t.skip('there is no PID namespace to be had here')
        return
      }
      const [one, other] = await Promise.all([open(t, server), open(t, server)])
      for (const { processes } of [await look(one), await look(other)]) {
        assert.equal(processes.length, inNamespace[server], processes.join(' '))
      }
    })

    it('lose their temporary files at the end, and keep the others to be looked at', async (t) => {
      const session = await open(t, server)
      await session.call('leave', { name: 'something' })
      const { tmp, workspace } = await look(session)
      const handle = handleOf(session.sessionId!)
      const keeper = keeperOf(session)
      await session.terminate()
      await gateway.saw('session.closed', (news) => news.session === handle)
      assert.equal(existsSync(tmp), false)
      assert.equal(existsSync(workspace), true)
      assert.deepEqual(processesOf(session.sessionId!), [])
      if (!isShared(server) && keeper !== undefined) assert.equal(alive(keeper), false)
    })
  })
}

type Opened = Awaited<ReturnType<typeof open>>

function keeperOf({ sessionId }: Opened): number | undefined {
  return processesOf(sessionId!).flatMap((pid) => keeperAbove(pid) ?? [])[0]
}

function open(t: TestContext, server: string) {
  return connectClient(t, gateway.mcp(server))
}

async function look({ call }: Pick<Opened, 'call'>): Promise<Seen> {
  return JSON.parse(textOf(await call('look'))) as Seen
}
