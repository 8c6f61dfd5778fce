import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { suite, test } from 'node:test'

import { systemClock } from '../../src/ground/clock.ts'
import { createKeeperClient } from '../../src/workers/keeper-client.ts'
import { createKeeperHost } from '../../src/workers/keeper-host.ts'
import type { KeeperExit, KeeperSpec } from '../../src/keeper/protocol.ts'
import { framesPath, framesProtocol } from '../../src/ground/frames.ts'
import { nonceHeader } from '../../src/keeper/protocol.ts'
import { atEnd } from '../support/at-end.ts'
import { compiled } from '../support/config.ts'
import { longEnoughMs } from '../support/patience.ts'
import { alive, commandOf, descendants, processesWith } from '../support/processes.ts'
import { rawRequest } from '../support/raw-http.ts'
import { tempDir } from '../support/temp.ts'
import { foundNamespace } from '../workers/rig.ts'

/** A keeper that keeps nothing yet, spoken to as the gateway does. */
async function startKeeper(t: TestContext) {
  const folder = tempDir(t)
  const host = createKeeperHost({
    clock: systemClock,
    runtimeDir: folder,
    logFile: join(folder, 'keepers.log'),
    namespace: foundNamespace,
    spares: 0,
  })
  const keeper = await host.take()
  atEnd(t, async () => {
    keeper.kill()
    await keeper.ended
    assert.ok(!existsSync(keeper.socketPath))
  })
  const mark = randomBytes(8).toString('hex')
  const spec = (fixture: string): KeeperSpec => ({
    workerId: mark,
    command: process.execPath,
    args: [compiled(`test/fixtures/workers/${fixture}`)],
    cwd: folder,
    env: {},
    transport: 'stdio',
    port: null,
    path: '/mcp',
    relay: false,
    outputFile: join(folder, 'output.log'),
    outputMaxBytes: 1_000_000,
    exitFile: join(folder, 'exit.json'),
    startTimeoutMs: longEnoughMs,
    wrapped: null,
  })
  return {
    ...keeper,
    client: createKeeperClient(keeper.socketPath, keeper.nonce),
    spec,
    processes: () => processesWith(`BERTH_WORKER_ID=${mark}`).length,
  }
}

/** What a keeper says to who asks for frames. */
function firstLine(socketPath: string, nonce: string): Promise<string> {
  const asking = ['Host: keeper', 'Connection: Upgrade', `Upgrade: ${framesProtocol}`]
  const head = [`GET ${framesPath} HTTP/1.1`, ...asking, `${nonceHeader}: ${nonce}`, '', '']
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath, () => socket.write(head.join('\r\n')))
    socket.once('error', reject)
    socket.once('data', (chunk: Buffer) => {
      socket.destroy()
      resolve(chunk.toString('latin1').split('\r\n')[0] ?? '')
    })
  })
}

suite('a keeper', { concurrency: 4 }, () => {
  test('answers nobody who does not know its nonce', async (t) => {
    const { socketPath, nonce, pid } = await startKeeper(t)
    const wrong = [undefined, '', 'wrong', `${nonce}x`, nonce.slice(1), nonce.toUpperCase()]
    for (const given of wrong) {
      for (const path of [
        '/keeper/lines',
        '/keeper/note',
        '/keeper/watch',
        '/keeper/stop?graceMs=0',
        '/mcp',
        '/',
      ]) {
        const answer = await rawRequest(`http://localhost${path}`, {
          method: path.startsWith('/keeper/stop') ? 'POST' : 'GET',
          socketPath,
          headers: { [nonceHeader]: given },
        })
        assert.equal(answer.status, 403, path)
        assert.equal(await answer.text(), '')
      }
    }
    assert.ok(alive(pid))
  })

  test('speaks frames with nobody who does not know its nonce', async (t) => {
    const { socketPath, nonce, client, spec } = await startKeeper(t)
    assert.match(await firstLine(socketPath, nonce), / 403 /, 'as long as there is no server')
    await client.call('POST', '/keeper/start', spec('tells-who.js'))
    for (const wrong of ['', `${nonce}x`, nonce.slice(1)]) {
      assert.match(await firstLine(socketPath, wrong), / 403 /)
    }
    assert.match(await firstLine(socketPath, nonce), / 101 /)
  })

  test('carries nothing before it was told what to keep', async (t) => {
    const { client } = await startKeeper(t)
    assert.equal((await client.call('POST', '/mcp', {})).statusCode, 503)
    assert.equal((await client.call('GET', '/keeper/watch')).statusCode, 409)
    assert.equal((await client.call('GET', '/keeper/nothing')).statusCode, 404)
    assert.deepEqual((await client.call('GET', '/keeper/lines')).body, [])
  })

  test('keeps one server in its life', async (t) => {
    const { client, spec, processes } = await startKeeper(t)
    assert.equal((await client.call('POST', '/keeper/start', spec('tells-who.js'))).statusCode, 200)
    assert.equal((await client.call('POST', '/keeper/start', spec('tells-who.js'))).statusCode, 409)
    assert.equal(processes(), 1)
  })

  test('tells whoever watches how its server ended, and ends', async (t) => {
    const { client, spec, ended } = await startKeeper(t)
    await client.call('POST', '/keeper/start', spec('tells-who.js'))
    const watching = client.call('GET', '/keeper/watch')
    const stopping = client.call('POST', '/keeper/stop?graceMs=5000')
    const exit = (await watching).body as KeeperExit
    assert.equal(exit.how, 'killed by SIGTERM')
    assert.equal((await stopping).statusCode, 204)
    assert.deepEqual(await ended, { code: 0, signal: null })
  })

  test('keeps the note that was left last', async (t) => {
    const { client } = await startKeeper(t)
    assert.deepEqual(await client.call('GET', '/keeper/note'), { statusCode: 204, body: undefined })
    for (const text of ['one', 'a "longer" one\n', '']) {
      assert.equal((await client.call('PUT', '/keeper/note', text)).statusCode, 204)
      assert.deepEqual(await client.call('GET', '/keeper/note'), { statusCode: 200, body: text })
    }
  })

  test('ends without a server as well', async (t) => {
    const { client, ended } = await startKeeper(t)
    assert.equal((await client.call('POST', '/keeper/stop?graceMs=0')).statusCode, 204)
    assert.deepEqual(await ended, { code: 0, signal: null })
  })

  test('starts nothing once it was told to stop, though that overtook the start', async (t) => {
    const { socketPath, nonce, client, spec, ended, processes } = await startKeeper(t)
    const body = JSON.stringify(spec('tells-who.js'))
    const headers = { [nonceHeader]: nonce, 'content-length': Buffer.byteLength(body) }
    const start = request({ socketPath, method: 'POST', path: '/keeper/start', headers })
    const answered = once(start, 'response')
    start.write(body.slice(0, 10))
    assert.equal((await client.call('POST', '/keeper/stop?graceMs=0')).statusCode, 204)
    start.end(body.slice(10))
    const [answer] = (await answered) as [{ statusCode: number }]
    assert.equal(answer.statusCode, 409)
    await ended
    assert.equal(processes(), 0)
  })

  test('is ended by the signals that end a process', async (t) => {
    const { client, spec, ended, pid, processes } = await startKeeper(t)
    await client.call('POST', '/keeper/start', spec('tells-who.js'))
    process.kill(keeperProcess(pid), 'SIGTERM')
    await ended
    assert.equal(processes(), 0)
  })
})

/** The keeper itself, which stands behind the first processes of its namespace. */
function keeperProcess(pid: number): number {
  const all = [pid, ...descendants(pid).map((entry) => entry.pid)]
  const keepers = all.filter((each) => commandOf(each).startsWith(process.execPath))
  assert.equal(keepers.length, 2, 'the keeper and its server')
  return keepers[0] ?? pid
}
