import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'

import type { LocalSpec, Worker } from '../../src/workers/driver.ts'
import { eventually } from '../support/eventually.ts'
import type { Owner } from '../support/temp.ts'
import type { SpecOptions } from './rig.ts'
import { call, open, outputOf, startRig } from './rig.ts'

/** A worker that writes what it is asked to. */
async function startWriter(t: Owner, options: SpecOptions = {}) {
  const rig = startRig(t)
  const spec = rig.spec(['tells-who.js'], options)
  const worker = await rig.startSpec(spec)
  const sessionId = await open(worker)
  const write = (args: { stdout?: string; stderr?: string }) =>
    call(worker, sessionId, 'write', args)
  return { spec, worker, write }
}

const holds = (spec: LocalSpec, text: string): Promise<void> =>
  eventually(() => assert.equal(outputOf(spec), text))

const lastLinesAre = (worker: Worker, lines: string[]): Promise<void> =>
  eventually(async () => assert.deepEqual(await worker.lastLines(), lines))

suite('what a worker writes', { concurrency: 4 }, () => {
  test('stands in its file as soon as a line is whole: stderr, over stdio', async (t) => {
    const { spec, worker, write } = await startWriter(t)
    await write({ stderr: 'one\ntw' })
    await holds(spec, 'one\n')
    await write({ stderr: 'o\r\n' })
    await holds(spec, 'one\ntwo\n')
    await lastLinesAre(worker, ['one', 'two'])
    assert.equal(statSync(join(spec.directory, 'output.log')).mode & 0o777, 0o600)
  })

  test('stands there too where it should have been a message', async (t) => {
    const { spec, write } = await startWriter(t)
    await write({ stdout: 'Starting up …\n' })
    await holds(spec, 'Starting up …\n')
  })

  test('is stdout and stderr, over HTTP, line by line', async (t) => {
    const { spec, worker, write } = await startWriter(t, { http: true })
    await write({ stdout: 'half of ' })
    await write({ stderr: 'an error\n' })
    // Two pipes have no order between them but the one in which they are read.
    await holds(spec, 'an error\n')
    await write({ stdout: 'a line\n' })
    await holds(spec, 'an error\nhalf of a line\n')
    await lastLinesAre(worker, ['an error', 'half of a line'])
  })

  test('is rotated by size, and one old file is kept', async (t) => {
    const { spec, write } = await startWriter(t, { outputMaxBytes: 100 })
    const line = (name: string): string => `${name.repeat(39)}\n`
    await write({ stderr: `${line('a')}${line('b')}` })
    await holds(spec, `${line('a')}${line('b')}`)
    await write({ stderr: line('c') })
    await holds(spec, line('c'))
    const old = join(spec.directory, 'output.log.1')
    assert.equal(readFileSync(old, 'utf8'), `${line('a')}${line('b')}`)
    assert.equal(statSync(old).mode & 0o777, 0o600)
    await write({ stderr: `${line('d')}${line('e')}` })
    await holds(spec, line('e'))
    assert.equal(readFileSync(old, 'utf8'), `${line('c')}${line('d')}`)
    // A line without an end is bounded, too.
    await write({ stderr: 'f'.repeat(1000) })
    await eventually(() => assert.ok(outputOf(spec).startsWith('fff')))
    assert.ok(outputOf(spec).length <= 1001)
  })

  test('is remembered for its last 20 lines, long ones cut', async (t) => {
    const { worker, write } = await startWriter(t)
    const lines = Array.from({ length: 30 }, (_, at) => `line ${at + 1}`)
    await write({ stderr: `${lines.join('\n')}\n${'x'.repeat(5000)}\n` })
    await lastLinesAre(worker, [...lines.slice(11), `${'x'.repeat(2000)}…`])
  })

  test('is whole in the end, a last line without its end as well', async (t) => {
    const { spec, worker, write } = await startWriter(t)
    await write({ stderr: 'the end' })
    await worker.stop({ graceMs: 5000 })
    assert.equal(outputOf(spec), 'the end\n')
    assert.deepEqual(await worker.lastLines(), ['the end'])
  })

  test('is lost when it cannot be written, but the worker goes on', async (t) => {
    const { spec, worker, write } = await startWriter(t, { outputMaxBytes: 10 })
    await write({ stderr: '123456789\n' })
    await holds(spec, '123456789\n')
    // In the place of the old file, so that it cannot be rotated.
    mkdirSync(join(spec.directory, 'output.log.1'))
    await write({ stderr: 'abcdefghi\n' })
    await lastLinesAre(worker, ['123456789', 'abcdefghi'])
    await write({ stderr: 'still there\n' })
    await lastLinesAre(worker, ['123456789', 'abcdefghi', 'still there'])
  })
})
