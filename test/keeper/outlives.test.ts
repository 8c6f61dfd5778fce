import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { suite, test } from 'node:test'

import { systemClock } from '../../src/ground/clock.ts'
import { createKeeperClient } from '../../src/workers/keeper-client.ts'
import { createKeeperHost } from '../../src/workers/keeper-host.ts'
import type { KeeperExit, KeeperSpec, Outliving } from '../../src/keeper/protocol.ts'
import { nonceHeader } from '../../src/keeper/protocol.ts'
import { atEnd } from '../support/at-end.ts'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import { longEnoughMs, meanwhile } from '../support/patience.ts'
import { alive, processesWith } from '../support/processes.ts'
import { tempDir } from '../support/temp.ts'
import { outlivingNamespace } from '../workers/rig.ts'

/** A keeper, and what a gateway tells it to start. */
async function startKeeper(t: TestContext) {
  const folder = tempDir(t)
  const host = createKeeperHost({
    clock: systemClock,
    runtimeDir: folder,
    logFile: join(folder, 'keepers.log'),
    namespace: outlivingNamespace,
    spares: 0,
  })
  const keeper = await host.take()
  const awake = setInterval(() => undefined, 60_000)
  atEnd(t, async () => {
    keeper.kill()
    await keeper.ended
    clearInterval(awake)
  })
  const client = createKeeperClient(keeper.socketPath, keeper.nonce)
  const mark = randomBytes(8).toString('hex')
  const exitFile = join(folder, 'exit.json')
  const spec = (fixture: string, port: number | null, outlives: Outliving): KeeperSpec => ({
    workerId: mark,
    command: process.execPath,
    args: [compiled(`test/fixtures/workers/${fixture}`)],
    cwd: folder,
    env: {},
    transport: port === null ? 'stdio' : 'http',
    port,
    path: '/mcp',
    relay: false,
    outputFile: join(folder, 'output.log'),
    outputMaxBytes: 1_000_000,
    exitFile,
    startTimeoutMs: longEnoughMs,
    outlives,
    wrapped: null,
  })
  return {
    ...keeper,
    client,
    spec,
    exit: () => JSON.parse(readFileSync(exitFile, 'utf8')) as KeeperExit,
    processes: () => processesWith(`BERTH_WORKER_ID=${mark}`).length,
  }
}

/** The same with a server. */
async function startServer(t: TestContext, outlives: Outliving) {
  const keeper = await startKeeper(t)
  const spec = keeper.spec('tells-who.js', null, outlives)
  const { statusCode } = await keeper.client.call('POST', '/keeper/start', spec)
  assert.equal(statusCode, 200)
  return keeper
}

/** The same, when the gateway has let go of it. */
async function leaveServer(t: TestContext, outlives: Outliving) {
  const keeper = await startServer(t, outlives)
  keeper.letGo()
  return keeper
}

/** Another gateway that is there from now on. @returns ends that */
async function comeTo({ socketPath, nonce }: { socketPath: string; nonce: string }) {
  const watch = get({
    socketPath,
    path: '/keeper/watch',
    headers: { host: 'keeper', [nonceHeader]: nonce },
    agent: false,
  })
  await once(watch, 'response')
  watch.on('error', () => undefined)
  return () => watch.destroy()
}

const long = 600_000

suite('a keeper whose gateway is gone', { concurrency: 4 }, () => {
  test('ends before it has a server', async (t) => {
    const { ended, socketPath, letGo } = await startKeeper(t)
    letGo()
    assert.deepEqual(await ended, { code: 0, signal: null })
    assert.ok(!existsSync(socketPath))
  })

  test('ends before its server is ready, and the server with it', async (t) => {
    const { client, spec, ended, letGo, processes } = await startKeeper(t)
    const unready = spec('never-listens.js', await freePort(), { maxMs: long, orphanMs: long })
    const starting = client.call('POST', '/keeper/start', unready)
    await eventually(() => assert.equal(processes(), 1))
    letGo()
    assert.notEqual((await starting).statusCode, 200)
    await ended
    assert.equal(processes(), 0)
  })

  test('stays when its server outlives gateways, and can be stopped by another', async (t) => {
    const { client, ended, pid, exit, processes } = await leaveServer(t, {
      maxMs: long,
      orphanMs: long,
    })
    await meanwhile(200)
    assert.ok(alive(pid))
    assert.equal(processes(), 1)
    assert.equal((await client.call('POST', '/keeper/stop?graceMs=5000')).statusCode, 204)
    await ended
    assert.equal(exit().how, 'killed by SIGTERM')
    assert.equal(processes(), 0)
  })

  test('ends its server when no other has come for too long', async (t) => {
    const { ended, exit, processes } = await leaveServer(t, { maxMs: long, orphanMs: 500 })
    assert.deepEqual(await ended, { code: 0, signal: null })
    const { code, signal, how } = exit()
    assert.deepEqual(
      { code, signal, how },
      { code: null, signal: 'SIGTERM', how: 'no gateway came for 1 s' },
    )
    assert.equal(processes(), 0)
  })

  test('waits as long as any is there, and begins anew when the last has left', async (t) => {
    const keeper = await startServer(t, { maxMs: long, orphanMs: 2000 })
    const leaveFirst = await comeTo(keeper)
    const leaveSecond = await comeTo(keeper)
    keeper.letGo()
    await meanwhile(2200)
    leaveFirst()
    await meanwhile(2200)
    assert.equal(keeper.processes(), 1)
    leaveSecond()
    await keeper.ended
    assert.equal(keeper.exit().how, 'no gateway came for 2 s')
  })

  test('ends its server when its time is over, though a gateway is there, and says so', async (t) => {
    const { client, ended, exit } = await leaveServer(t, { maxMs: 8000, orphanMs: long })
    const watch = await client.watch()
    assert.deepEqual(await watch?.over, exit())
    assert.equal(exit().how, 'maxLifetime was over')
    await ended
  })
})
