import assert from 'node:assert/strict'
import { availableParallelism, loadavg } from 'node:os'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'

import { idleSecondsAt, runDemo } from '../../src/demo/run.ts'
import type { DemoConfig } from '../../src/demo/run.ts'
import { standIn } from './stand-in-gateway.ts'

function listener(): { out: PassThrough; said: () => string } {
  const out = new PassThrough()
  let said = ''
  out.on('data', (chunk: Buffer) => (said += chunk.toString()))
  return { out, said: () => said }
}

const asCalled = (text: string): string => text
const idleSeconds = idleSecondsAt((loadavg()[0] ?? 0) / availableParallelism())
const quick = { interactive: false, paceMs: 0, asCalled, idleSeconds }

test('the demo plays two conversations, shows them apart and ends them', async (t) => {
  const { out, said } = listener()
  const gateway = standIn(t, false)
  const seen: DemoConfig[] = []
  const startGateway = (config: DemoConfig) => {
    seen.push(config)
    return gateway.start(config)
  }
  assert.equal(await runDemo({ ...quick, startGateway, out }), 0, said())
  const server = seen[0]?.servers['trip-planner']
  assert.ok(server)
  assert.equal(server.command, process.execPath)
  assert.match(String(server.args), /\/trip-planner\.js$/)
  assert.deepEqual(server.lifecycleConfiguration, {
    idleRuntimeSessionTimeout: idleSeconds,
    maxLifetime: 600,
  })

  for (const name of ['Ana', 'Ben']) {
    const lines = said()
      .split('\n')
      .filter((line) => line.startsWith(`${name} │`))
    const questions = lines.filter((line) => line.includes('│ ? '))
    const answers = lines.filter((line) => line.includes('│ > '))
    assert.equal(questions.length, 6, 'four questions, a sampling request and a confirmation')
    assert.equal(answers.length, 6)
    assert.equal(lines.filter((line) => /[█░]{20}\] \d\/5 /.test(line)).length, 5)
    assert.match(lines.join('\n'), /Booked: TRIP-/)
  }
  const [ana, ben] = [...said().matchAll(/worker knows (TRIP-\w+) and nothing else/g)]
  assert.ok(ana?.[1] && ben?.[1] && ana[1] !== ben[1])
  assert.match(said(), /✓ After [\d.]+ s the session is gone: its id answers 404/)
  assert.match(said(), /✓ Ben's session goes on/)
  assert.match(said(), /✓ Its id answers 404\n/)
  assert.doesNotMatch(said(), /✗|\u001b/)
  if (process.platform === 'linux') assert.match(said(), /✓ Workers left: 0/)
  assert.equal(gateway.closed(), true)
})

test('a gateway that lets two sessions share a process fails the demo', async (t) => {
  const { out, said } = listener()
  const gateway = standIn(t, true)
  assert.equal(await runDemo({ ...quick, startGateway: gateway.start, out }), 1)
  assert.match(said(), /✗ Both sessions run in the same process\. They should not\./)
  assert.equal(gateway.closed(), true)
})

test('a gateway that runs already is visited and not started', async (t) => {
  const { out, said } = listener()
  const { url } = await standIn(t, false).start({
    servers: {
      'trip-planner': {
        command: '',
        args: [],
        lifecycleConfiguration: { idleRuntimeSessionTimeout: 60, maxLifetime: 60 },
      },
    },
  })
  const startGateway = () => Promise.reject(new Error('started'))
  assert.equal(await runDemo({ ...quick, startGateway, baseUrl: url, out }), 0, said())
  assert.doesNotMatch(said(), /idle|Workers left/)
})

test('a gateway that does not start, and a missing terminal, are told in a sentence', async () => {
  const failing = listener()
  const startGateway = () =>
    Promise.reject(new Error('No port is free.', { cause: new Error('x') }))
  assert.equal(await runDemo({ ...quick, startGateway, out: failing.out }), 1)
  assert.match(failing.said(), /✗ No port is free\.\n$/)

  const blind = listener()
  assert.equal(await runDemo({ ...quick, startGateway, interactive: true, out: blind.out }), 1)
  assert.match(blind.said(), /✗ The questions can only be asked at a terminal\.\n$/)
})

test('stopping the demo ends it with 130', async (t) => {
  const { out } = listener()
  const stop = new AbortController()
  const gateway = standIn(t, false)
  out.on('data', (chunk: Buffer) => {
    if (chunk.includes('What kind of trip')) stop.abort(new Error('Stopped.'))
  })
  const { signal } = stop
  const startGateway = gateway.start
  assert.equal(await runDemo({ ...quick, startGateway, out, signal }), 130)
  assert.equal(gateway.closed(), true)
})

test('the demo waits no longer for an idle session than a busy machine needs', () => {
  assert.deepEqual([0, 0.4, 2, 50].map(idleSecondsAt), [3, 3, 7, 15])
})
