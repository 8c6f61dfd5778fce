import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'

import { createKeeperClient } from '../../src/workers/keeper-client.ts'
import type { TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import type { GatewayProcess } from '../support/killable-gateway.ts'
import { startGatewayProcess } from '../support/killable-gateway.ts'
import { needed } from '../support/needs.ts'
import { alive, descendants } from '../support/processes.ts'
import { longEnoughMs } from '../support/patience.ts'
import { postRpc, rawRequest } from '../support/raw-http.ts'
import { openRaw } from '../support/raw-session.ts'
import { startRedis } from '../support/redis.ts'
import { sharedStateDir } from '../support/shared-gateways.ts'
import type { Owner } from '../support/temp.ts'
import { tempDir } from '../support/temp.ts'

/** How long a start may take. */
const allowanceMs = longEnoughMs
const redisServer = needed('redis-server')
// Longer than a machine stands still.
const lostAfterMs = 8000
const fixture = (name: string): [string, ...string[]] => [
  'node',
  compiled(`test/fixtures/workers/${name}`),
]
const servers: Record<string, TestServer> = {
  plain: { command: fixture('tells-who.js') },
  stubborn: { command: fixture('ignores-everything.js'), graceMs: 10_000 },
}
/** The same with one that listens when the file says so. */
const withSlow = (file: string): Record<string, TestServer> => ({
  ...servers,
  slow: { command: [...fixture('slow-start.js'), file, 'go'], http: true },
})

describe('what a gateway leaves behind', { skip: redisServer.skip, concurrency: 4 }, () => {
  if (redisServer.skip !== false) return
  const { path } = redisServer

  async function startStore(t: Owner) {
    const redis = await startRedis(t, path)
    return {
      redis,
      start: (stateDir: string, served = servers): Promise<GatewayProcess> =>
        startGatewayProcess(t, served, {
          stateDir,
          overrides: { store: redis.config() },
          lostAfterMs,
        }),
    }
  }

  test('is lost with its host, and the host obeys when it comes back', async (t) => {
    const { start } = await startStore(t)
    const [here, there] = [sharedStateDir(t), sharedStateDir(t)]
    const one = await start(here)
    const other = await start(there)
    const session = await openRaw(one.mcp('plain'))
    const ask = () => postRpc(other.mcp('plain'), ping, { sessionId: session.id })
    const elsewhere = await ask()
    assert.equal(elsewhere.status, 503)
    assert.match(await elsewhere.text(), /ERR_SESSIONS_ELSEWHERE/)
    const pid = workerIn(here)
    await one.kill()
    const closed = await other.saw('session.closed')
    assert.equal(closed.reason, 'host-lost')
    const late = await ask()
    assert.equal(late.status, 404)
    assert.match(await late.text(), /host-lost/)
    assert.ok(alive(pid), 'nobody could reach it')

    await start(here)
    await eventually(() => assert.ok(!alive(pid)))
  })

  test('is ended by the next, if it was about to end', async (t) => {
    const { start } = await startStore(t)
    const stateDir = sharedStateDir(t)
    const one = await start(stateDir)
    const session = await openRaw(one.mcp('stubborn'))
    const other = await start(stateDir)
    await other.saw('session.adopted')
    const pid = workerIn(stateDir)
    await session.remove()
    await other.saw('session.released')
    await one.kill()
    const closed = await other.saw('session.closed')
    assert.equal(closed.reason, 'client-deleted')
    assert.ok(!alive(pid))
  })

  test('may have ended meanwhile, and how is known', async (t) => {
    const { start } = await startStore(t)
    const stateDir = sharedStateDir(t)
    const one = await start(stateDir)
    const session = await openRaw(one.mcp('plain'))
    const pid = workerIn(stateDir)
    await one.kill()
    for (const child of descendants(pid)) {
      if (descendants(child.pid).length === 0) process.kill(child.pid, 'SIGKILL')
    }
    await eventually(() => assert.ok(!alive(pid)))
    const other = await start(stateDir)
    const closed = await other.saw('session.closed')
    assert.equal(closed.reason, 'worker-exited')
    assert.equal(closed.details?.['signal'], 'SIGKILL')
    const late = await postRpc(other.mcp('plain'), ping, { sessionId: session.id })
    assert.match(await late.text(), /worker-exited/)
  })

  test('is ended if it never came to be', async (t) => {
    const { start } = await startStore(t)
    const stateDir = sharedStateDir(t)
    const served = withSlow(join(tempDir(t), 'marks'))
    const one = await start(stateDir, served)
    const opening = openRaw(one.mcp('slow')).catch(() => undefined)
    await eventually(() => assert.ok(workerIn(stateDir) > 0))
    const pid = workerIn(stateDir)
    await one.kill()
    await opening
    const other = await start(stateDir, served)
    // A gateway that starts a worker says so all the time; this one is silent.
    await eventually(() => assert.ok(!alive(pid)))
    const closed = await other.saw('session.closed')
    assert.equal(closed.reason, 'start-failed')
  })

  test('is swept if the store names it in no record for long enough', async (t) => {
    const { redis, start } = await startStore(t)
    const stateDir = sharedStateDir(t)
    const one = await start(stateDir)
    const session = await openRaw(one.mcp('plain'))
    const pid = workerIn(stateDir)
    const keeper = await keeperWithCopy(stateDir)
    await one.kill()
    // Nobody has a copy of its record either.
    await keeper.call('PUT', '/keeper/note', 'nothing')
    await redis.client.del(`{berth}:session:${session.id}`)
    const other = await start(stateDir)
    await other.advance(allowanceMs / 2)
    assert.ok(alive(pid), 'not before a worker could have started')
    await eventually(async () => {
      await other.advance(allowanceMs / 2)
      assert.ok(!alive(pid))
    })
    assert.deepEqual(other.seen('session.closed'), [])
  })

  test('is written back if its record alone was lost', async (t) => {
    const { redis, start } = await startStore(t)
    const stateDir = sharedStateDir(t)
    const one = await start(stateDir)
    const session = await openRaw(one.mcp('plain'))
    await keeperWithCopy(stateDir)
    await one.kill()
    await redis.client.del(`{berth}:session:${session.id}`)
    const other = await start(stateDir)
    await eventually(async () => {
      const answer = await postRpc(other.mcp('plain'), ping, { sessionId: session.id })
      assert.equal(answer.status, 200)
    })
  })

  test('is never swept by another installation', async (t) => {
    const { start } = await startStore(t)
    const stateDir = sharedStateDir(t)
    const one = await start(stateDir)
    const session = await openRaw(one.mcp('plain'))
    const pid = workerIn(stateDir)
    await one.kill()
    writeFileSync(join(stateDir, 'installation'), 'f'.repeat(32))
    const other = await start(stateDir)
    for (let look = 0; look < 3; look += 1) {
      await other.advance(allowanceMs)
      assert.equal((await rawRequest(new URL('/healthz', other.mcp('plain')))).status, 200)
    }
    assert.ok(alive(pid))
    const answer = await postRpc(other.mcp('plain'), ping, { sessionId: session.id })
    assert.equal(answer.status, 200, 'its record says that it is of this host')
  })

  test('is left alone while its gateway lives: starting, or with an empty store', async (t) => {
    const { redis, start } = await startStore(t)
    const stateDir = sharedStateDir(t)
    const marks = join(tempDir(t), 'marks')
    writeFileSync(marks, '')
    const served = withSlow(marks)
    const one = await start(stateDir, served)
    const opening = openRaw(one.mcp('slow'))
    await eventually(() => assert.ok(workerIn(stateDir) > 0))
    await redis.client.flushall()
    const other = await start(stateDir, served)
    appendFileSync(marks, 'go\n')
    const session = await opening
    const answer = await postRpc(other.mcp('slow'), ping, { sessionId: session.id })
    assert.equal(answer.status, 200)
    assert.deepEqual([...one.seen('session.closed'), ...other.seen('session.closed')], [])
  })
})

/** The keeper of the one worker, when the gateway has left a copy of the record with it. */
async function keeperWithCopy(stateDir: string) {
  const { handle, nonce } = markerIn(stateDir)!
  const keeper = createKeeperClient(handle.socketPath, nonce)
  await eventually(async () => {
    assert.match(String((await keeper.call('GET', '/keeper/note')).body), /"live"/)
  })
  return keeper
}

const ping = { jsonrpc: '2.0', id: 1, method: 'ping' }

/** The process that stands before the keeper of the only worker; 0 before there is one. */
const workerIn = (stateDir: string): number => markerIn(stateDir)?.handle.pid ?? 0

function markerIn(stateDir: string) {
  const folder = join(stateDir, 'workers')
  const [file] = readdirSync(folder)
  if (file === undefined) return undefined
  return JSON.parse(readFileSync(join(folder, file), 'utf8')) as {
    handle: { pid: number; socketPath: string }
    nonce: string
  }
}
