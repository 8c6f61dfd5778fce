import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'

import { createEvents } from '../../src/ground/events.ts'
import type { Fault } from '../../src/ground/guarded.ts'
import {
  faultFrames,
  faultText,
  guarded,
  inBackground,
  onFaults,
  tellFault,
} from '../../src/ground/guarded.ts'
import { eventually } from '../support/eventually.ts'

test('a guarded handler throws nothing, at once or later', async () => {
  const faults: unknown[] = []
  const emitter = new EventEmitter()
  const onFault = (thrown: unknown): void => void faults.push(thrown)
  emitter.on(
    'sync',
    guarded(() => assert.fail('at once'), onFault),
  )
  emitter.on(
    'async',
    guarded(() => Promise.reject(new Error('later')), onFault),
  )
  emitter.emit('sync')
  emitter.emit('async')
  inBackground(Promise.reject(new Error('behind')), onFault)
  await eventually(() => assert.deepEqual(faults.map(faultText).length, 3))
  assert.match(faults.map(faultText).join(), /at once.*(behind|later).*(behind|later)/)
})

test('a guarded handler hands on what it is given', () => {
  const given: unknown[] = []
  guarded((a: number, b: string) => given.push(a, b), tellFault('a test'))(1, 'two')
  assert.deepEqual(given, [1, 'two'])
})

test('who deals with a fault may fail as well', async () => {
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
  const broken = guarded(
    () => assert.fail('first'),
    () => assert.fail('second'),
  )
  broken()
  assert.match((await warned).message, /second/)
})

test('a fault that concerns nobody is told to those who listen', () => {
  const heard: Fault[] = []
  const stop = onFaults((fault) => heard.push(fault))
  tellFault('a test', { session: 'abc' })(new Error('x'))
  stop()
  tellFault('a test')(new Error('y'))
  assert.deepEqual(
    heard.map(({ where, session }) => [where, session]),
    [['a test', 'abc']],
  )
})

test('a throw in a listener reaches neither the emitter nor other listeners', () => {
  const events = createEvents()
  const heard: string[] = []
  events.on('operator.warned', () => assert.fail('the first'))
  events.onAny((name) => {
    heard.push(name)
    if (name === 'fault.caught') assert.fail('again')
  })
  events.on('operator.warned', () => heard.push('second'))
  events.on('fault.caught', ({ kind, where, error }) => heard.push(`${kind} ${where} ${error}`))
  events.emit('operator.warned', { message: 'hello' })
  assert.deepEqual(heard, [
    'listener listening to operator.warned AssertionError: the first',
    'fault.caught',
    'second',
    'operator.warned',
  ])
})

test('what is told of a fault quotes nothing', () => {
  const secret = 'sk-live-0123456789abcdef0123456789abcdef0123456789'
  for (const text of [`{"a": ${secret} b`, `"${secret}`, secret, `x ${secret}`]) {
    let thrown: unknown
    try {
      JSON.parse(text)
    } catch (caught) {
      thrown = caught
    }
    for (const fault of [thrown, new Error(text), text]) {
      const told = [faultText(fault), ...faultFrames(fault)].join('\n')
      assert.ok(!told.includes('0123456789abcdef'), told)
      assert.ok(!told.includes('\u001b'))
    }
  }
  const mute = Object.create(null) as object
  assert.equal(faultText(mute), 'object: something without words')
  assert.match(faultFrames(new Error('x'))[0] ?? '', /^at .*guarded\.test/)
})
