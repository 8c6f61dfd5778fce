import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startClients } from './driving.ts'
import { startGateway, workerEntry } from './gateway.ts'
import { createBench } from './scope.ts'

const calls = 1500
/** It was 1800 when the tables of maps kept hold of each other; V8 has its own few that grow old. */
const mostBytes = 600

test('what is made for a call is gone before it grows old', async (t) => {
  const bench = createBench(new AbortController().signal)
  t.after(() => bench.end())
  const { stateDir, url } = await startGateway(bench, {
    flags: ['--trace-gc-nvp', '--max-semi-space-size=4'],
    servers: { http: workerEntry('http'), stdio: workerEntry('stdio') },
  })
  const clients = startClients(bench)
  for (const [server, as] of [
    ['http', 'length'],
    ['http', 'sse'],
    ['stdio', 'length'],
  ] as const) {
    const group = await clients.open([url(server), url(server), url(server)])
    const call = () => group.call({ sessions: 3, calls, args: { text: 'hello', as } })
    await call()
    const before = promotions(stateDir).length
    await call()
    const promoted = promotions(stateDir).slice(before)
    const perCall = promoted.reduce((total, bytes) => total + bytes, 0) / calls
    assert.ok(promoted.length >= 3, 'the young generation was collected')
    assert.ok(perCall < mostBytes, `${server}, ${as}: ${perCall.toFixed(0)} bytes of each call`)
  }
})

/** What each collection of the young generation has made old, in bytes. */
function promotions(stateDir: string): number[] {
  const log = readFileSync(join(stateDir, 'berth.log'), 'utf8')
  return [...log.matchAll(/ gc=s .* promoted=(\d+)/g)].map(([, bytes]) => Number(bytes))
}
