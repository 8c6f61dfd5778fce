import assert from 'node:assert/strict'
import { test } from 'node:test'

import { readMessages } from '../../src/keeper/messages.ts'

const answer = (result: string): string => `{"jsonrpc":"2.0","id":7,"result":${result}}`

test('whatever a server answers at length is understood, or its client would wait for ever', () => {
  const keys = Array.from({ length: 200_000 }, (_, at) => `"k${at}":1`).join()
  for (const [what, result] of [
    ['a long number in it', `{"n":${'1'.repeat(100_000)}}`],
    ['a long number', '1'.repeat(100_000)],
    ['many keys', `{${keys}}`],
    ['a long text', `{"t":"${'x'.repeat(5_000_000)}"}`],
    ['many levels', `{"t":${'['.repeat(50_000)}${']'.repeat(50_000)}}`],
  ] as const) {
    const parcel = readMessages(answer(result))
    assert.deepEqual(
      [parcel?.messages[0]?.kind, parcel?.messages[0]?.rpc.id],
      ['response', 7],
      what,
    )
  }
})

test('a long batch is taken apart', () => {
  const parcel = readMessages(`[${Array.from({ length: 5000 }, () => answer('{}')).join()}]`)
  assert.equal(parcel?.messages.length, 5000)
  assert.ok(parcel.messages.every(({ kind }) => kind === 'response'))
})
