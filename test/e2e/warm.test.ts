import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, suite, test } from 'node:test'

import { handleOf } from '../../src/ground/handle.ts'
import type { TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { startTestGateway } from '../support/gateway.ts'
import type { GatewayProcess } from '../support/killable-gateway.ts'
import { startGatewayProcess } from '../support/killable-gateway.ts'
import { needed } from '../support/needs.ts'
import { alive, descendants } from '../support/processes.ts'
import { callTool, openSession } from '../support/raw-mcp.ts'
import { startRedis } from '../support/redis.ts'
import { sharedStateDir } from '../support/shared-gateways.ts'
import type { Owner } from '../support/temp.ts'
import { tempDir } from '../support/temp.ts'
import { skipWithoutOutbound, skipWithoutSandbox } from '../workers/rig.ts'

const redisServer = needed('redis-server')
const owner: Owner = { after }
const command: [string, ...string[]] = ['node', compiled('test/fixtures/workers/tells-who.js')]
const warm = { min: 1, max: 1, maxAgeMs: 3_600_000 }
const servers: Record<string, TestServer> = {
  stdio: { command, warm },
  http: { command, http: true, warm },
  alone: { command, warm, sessionsPerKeeper: 1 },
}

/** Of whose worker a process is, by its environment. */
function sessionOf(pid: number): string | undefined {
  try {
    const [, id] =
      /\0BERTH_SESSION_ID=([^\0]+)/.exec(`\0${readFileSync(`/proc/${pid}/environ`, 'utf8')}`) ?? []
    return id === undefined ? undefined : handleOf(id)
  } catch {
    return undefined // it has just ended
  }
}

/** Every process below the gateway, when all wait. */
async function waiting(gateway: GatewayProcess): Promise<number[]> {
  for (const name of Object.keys(servers)) {
    await gateway.saw('warm.started', ({ server }) => server === name)
  }
  return descendants(gateway.pid).map(({ pid }) => pid)
}

suite('warm workers of a gateway that is killed', { concurrency: 2 }, () => {
  test('are gone with it', async (t) => {
    const gateway = await startGatewayProcess(t, servers, { stateDir: tempDir(t) })
    const tree = await waiting(gateway)
    assert.ok(tree.length >= 4)
    await gateway.kill()
    await eventually(() => assert.deepEqual(tree.filter(alive), []))
  })

  test(
    'are gone with it where sessions outlive it, and those that have become sessions are not',
    { skip: redisServer.skip },
    async (t) => {
      if (redisServer.skip !== false) return
      const redis = await startRedis(owner, redisServer.path)
      const stateDir = sharedStateDir(t)
      const start = (): Promise<GatewayProcess> =>
        startGatewayProcess(t, servers, { stateDir, overrides: { store: redis.config() } })
      const first = await start()
      await waiting(first)
      const opened = await Promise.all(
        Object.keys(servers).map(async (server) => {
          const id = await openSession({ url: first.mcp(server) })
          await first.saw('warm.claimed', ({ session }) => session === handleOf(id))
          return { id, server }
        }),
      )
      const claimed = opened.map(({ id }) => handleOf(id))
      // Others wait in their place.
      await eventually(() => {
        const next = first.seen('warm.started').filter(({ session }) => !claimed.includes(session))
        assert.equal(next.length, Object.keys(servers).length)
      })
      // Keepers are not told apart by that: what waits and what is a session may share one.
      const all = descendants(first.pid).flatMap(({ pid }) => {
        const session = sessionOf(pid)
        return session === undefined ? [] : { pid, isClaimed: claimed.includes(session) }
      })
      const [warmPids, ownPids] = [false, true].map((isClaimed) =>
        all.filter((each) => each.isClaimed === isClaimed).map(({ pid }) => pid),
      ) as [number[], number[]]
      assert.ok(warmPids.length >= 2 && ownPids.length >= 2)

      // A second gateway leaves them alone, whatever time passes.
      const second = await start()
      await second.advance(5 * 60_000)
      await second.advance(5 * 60_000)
      assert.deepEqual(
        [...warmPids, ...ownPids].filter((pid) => !alive(pid)),
        [],
      )
      await first.kill()
      await eventually(() => assert.deepEqual(warmPids.filter(alive), []))
      for (const { id, server } of opened) {
        const about = await callTool<{ session: string }>({ url: second.mcp(server) }, id, 'about')
        assert.equal(about.session, id)
      }
      assert.deepEqual(
        ownPids.filter((pid) => !alive(pid)),
        [],
      )
      await second.stop()
    },
  )
})

test(
  'workers in a sandbox, with limits and a network of their own, are kept warm as well',
  { skip: skipWithoutSandbox || skipWithoutOutbound },
  async (t) => {
    const gateway = await startTestGateway(t, {
      walled: {
        command,
        http: true,
        driver: 'sandbox',
        port: 8000,
        sandbox: { network: 'private' },
        limits: { memoryBytes: 512 * 1024 ** 2, pids: 256 },
        warm: { ...warm, min: 2, max: 2 },
      },
    })
    await eventually(() => assert.equal(gateway.seen('warm.started').length, 2))
    const target = { url: gateway.mcp('walled') }
    const ids = await Promise.all([openSession(target), openSession(target)])
    for (const id of ids) {
      assert.equal((await callTool<{ session: string }>(target, id, 'about')).session, id)
    }
    assert.equal(gateway.seen('warm.claimed').length, 2)
  },
)

test('a session of a name of its client has a warm worker, and one only', async (t) => {
  const gateway = await startTestGateway(t, {
    agent: {
      command: ['node', compiled('test/fixtures/workers/agent.js')],
      http: true,
      protocol: 'http',
      warm,
    },
  })
  await gateway.saw('warm.started')
  const { url } = gateway.runtime('agent')
  const ask = () =>
    fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-amzn-bedrock-agentcore-runtime-session-id': 'a-name-that-is-long-enough-for-agentcore',
      },
      body: '{}',
    })
  const answers = await Promise.all([ask(), ask()])
  for (const answer of answers) {
    assert.equal(answer.status, 200)
    await answer.text()
  }
  const [claimed] = gateway.seen('warm.claimed')
  assert.deepEqual(
    gateway.seen('session.live').map(({ session }) => session),
    [claimed?.session],
  )
})
