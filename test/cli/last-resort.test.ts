import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { installLastResort, uncaughtAtMost } from '../../src/ground/last-resort.ts'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { openRaw } from '../support/raw-session.ts'
import { place } from './berth.ts'

const server = ['--', process.execPath, compiled('test/fixtures/workers/sdk-stdio.js')]
const secret = 'sk-live-0123456789abcdef0123456789abcdef'

/** Makes a process throw where nothing catches it: once for each signal. */
const faulty = `
let count = 0
process.on('SIGUSR2', () => {
  count += 1
  if (count % 2 === 0) Promise.reject(new Error('rejected "${secret}"'))
  else setImmediate(() => { throw new TypeError('thrown ${secret}') })
})
`

test('what nothing has caught is told and counted, and every session goes on', async (t) => {
  const here = place(t)
  const injected = here.put('faulty.mjs', faulty)
  const env = { NODE_OPTIONS: `--import=${injected}` }
  const serving = await here.serve(server, { env })
  const session = await openRaw(`${serving.url}/mcp`)
  serving.child.kill('SIGUSR2')
  await serving.says(/"level":"error".*"kind":"uncaught","where":"uncaughtException"/)
  serving.child.kill('SIGUSR2')
  const [line] = await serving.says(/"level":"error".*"where":"unhandledRejection".*/)
  assert.match(line, /"error":"Error: rejected …","stack":\["at /)
  assert.ok(!serving.said().includes('0123456789abcdef'))
  const answer = await session.post({ jsonrpc: '2.0', id: 'p', method: 'ping' })
  assert.equal(answer.status, 200)
  const metrics = await adminText(here.stateDir, '/metrics')
  assert.match(metrics, /^berth_faults_total\{kind="uncaught"\} 2$/m)

  // One at a time: signals of one kind that come together are one signal.
  for (let count = 3; count <= uncaughtAtMost + 1; count += 1) {
    serving.child.kill('SIGUSR2')
    await eventually(() => {
      const told = serving.said().match(/"kind":"uncaught"/g) ?? []
      assert.ok(told.length >= count)
    })
  }
  const { code, stderr } = await serving.done
  assert.equal(code, 1)
  assert.match(stderr, /Gave up: more than \d+ mistakes of Berth itself within a minute/)
})

test('a log that nobody reads any more ends no gateway', async (t) => {
  const serving = await place(t).serve(server)
  const session = await openRaw(`${serving.url}/mcp`)
  serving.child.stdout.destroy()
  serving.child.stderr.destroy()
  for (let count = 0; count < 3; count += 1) {
    const other = await openRaw(`${serving.url}/mcp`)
    assert.equal((await other.remove()).status, 200)
  }
  const answer = await session.post({ jsonrpc: '2.0', id: 'p', method: 'ping' })
  assert.equal(answer.status, 200)
  serving.child.kill('SIGTERM')
  assert.equal((await serving.done).code, 0)
})

test('a log that cannot be written ends no gateway', async (t) => {
  const here = place(t)
  const injected = here.put(
    'full.mjs',
    `const write = process.stdout._write
     process.stdout._write = (chunk, encoding, done) =>
       done(Object.assign(new Error('no space left'), { code: 'ENOSPC' }))`,
  )
  const serving = await here.serve(server, { env: { NODE_OPTIONS: `--import=${injected}` } })
  for (let count = 0; count < 3; count += 1) {
    const session = await openRaw(`${serving.url}/mcp`)
    assert.equal((await session.remove()).status, 200)
  }
  serving.child.kill('SIGTERM')
  assert.equal((await serving.done).code, 1)
})

test('faults that come seldom are no reason to give up', () => {
  const host = new EventEmitter()
  let nowMs = 0
  const told: unknown[] = []
  const gaveUp: string[] = []
  const remove = installLastResort(host, {
    now: () => nowMs,
    tell(thrown) {
      told.push(thrown)
      throw new Error('telling fails as well')
    },
    giveUp: (why) => gaveUp.push(why),
  })
  for (let count = 0; count < 5 * uncaughtAtMost; count += 1) {
    host.emit('uncaughtException', new Error(`fault ${count}`))
    nowMs += 60_000 / uncaughtAtMost
  }
  assert.equal(told.length, 5 * uncaughtAtMost)
  assert.deepEqual(gaveUp, [])
  for (let count = 0; count <= uncaughtAtMost; count += 1) host.emit('unhandledRejection', count)
  assert.match(gaveUp.join(), /The last was number: \d+/)
  remove()
  assert.equal(host.listenerCount('uncaughtException'), 0)
})

/** What the admin API of the one gateway of this state directory answers. */
async function adminText(stateDir: string, path: string): Promise<string> {
  const folder = join(stateDir, 'gateways')
  const [file = ''] = readdirSync(folder)
  const { adminUrl, token } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as {
    adminUrl: string
    token: string
  }
  const answer = await fetch(new URL(path, adminUrl), {
    headers: { authorization: `Bearer ${token}` },
  })
  return answer.text()
}
