import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { place } from './berth.ts'

const worker = compiled('test/fixtures/workers/says-escapes.js')
const gateway = await startTestGateway(
  { after },
  { speaks: { command: ['node', worker, 'serve'] } },
)
const url = gateway.mcp('speaks')
const controlC = '\u0003'
const enter = '\r'

test('Ctrl-C ends a call that gets no answer', async (t) => {
  const running = place(t).atTerminal(['call', url, 'hangs'])
  if (running === undefined) return
  await running.says(/hanging/)
  running.child.stdin.write(controlC)
  assert.equal((await running.done).code, 130)
})

test('Ctrl-C cancels a question, and the next one the call', async (t) => {
  const running = place(t).atTerminal(['call', url, 'elicit'])
  if (running === undefined) return
  await running.says(/Decline/)
  running.child.stdin.write(controlC)
  await running.says(/"action":"cancel"/)
  assert.equal((await running.done).code, 0)
})

test('a pattern that never ends keeps neither a form nor Ctrl-C waiting', async (t) => {
  const running = place(t).atTerminal(['call', url, 'asks-evil'])
  if (running === undefined) return
  await running.says(/Decline/)
  running.child.stdin.write(enter)
  await running.says(/word/)
  running.child.stdin.write(enter)
  await running.says(/could not be checked[^]*More/)
  running.child.stdin.write(`${'a'.repeat(50)}!${enter}`)
  await running.says(/could not be checked[^]*could not be checked[^]*Send these/)
  running.child.stdin.write(controlC)
  await running.says(/"action":"cancel"/)
})

test('nor does one in the arguments, or in the result, of a tool', async (t) => {
  const { berth } = place(t)
  const word = `${'a'.repeat(50)}!`
  const [given, result] = await Promise.all([
    berth(['call', url, 'evil', `word=${word}`]),
    berth(['call', url, 'evil-result']),
  ])
  assert.match(given.stderr, /could not be checked/)
  assert.equal(given.code, 0, given.stderr)
  assert.equal(result.code, 0, result.stderr)
  assert.match(result.stdout, /aaa!/)
})
