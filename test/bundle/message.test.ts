import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { readMessage, withValues } from '../../src/bundle/message.ts'
import { createOwnLists, keepView } from '../../src/bundle/room.ts'
import type { BundleRoom } from '../../src/bundle/room.ts'
import type { Session } from '../../src/sessions/session.ts'

const spaced = (value: unknown, indent: number): Buffer =>
  Buffer.from(JSON.stringify(value, undefined, indent))

test('what is renamed is renamed, and nothing else, whatever else is in the message', () => {
  const message = fc.record({
    id: fc.oneof(fc.integer(), fc.string()),
    method: fc.constant('tools/call'),
    params: fc.record({
      name: fc.string({ unit: 'binary' }),
      arguments: fc.jsonValue(),
      _meta: fc.record({ progressToken: fc.oneof(fc.integer(), fc.string()), x: fc.jsonValue() }),
    }),
    more: fc.jsonValue(),
  })
  fc.assert(
    fc.property(message, fc.integer({ min: 0, max: 4 }), (given, indent) => {
      const read = readMessage(spaced(given, indent))
      assert.ok(read !== undefined)
      const values = { id: '"new"', 'params/name': '"other"', 'params/_meta/progressToken': '7' }
      const { params } = given
      const renamed = JSON.parse(withValues(read, values).toString()) as unknown
      const expected = {
        ...given,
        id: 'new',
        params: { ...params, name: 'other', _meta: { ...params._meta, progressToken: 7 } },
      }
      assert.deepEqual(renamed, JSON.parse(JSON.stringify(expected)))
      assert.equal(withValues(read, {}), read.bytes)
    }),
  )
})

test('what is no message is none, and a place that is not there stays away', () => {
  for (const text of ['', '[]', '7', '{', '{"a":}', 'null']) {
    assert.equal(readMessage(Buffer.from(text)), undefined, text)
  }
  const read = readMessage(Buffer.from('{"id":1}'))
  assert.ok(read !== undefined)
  assert.equal(withValues(read, { 'params/name': '"x"' }).toString(), '{"id":1}')
})

test('lists of single sessions are bounded all together, and given back with the session', () => {
  const lists = createOwnLists(100)
  const [one, two] = [{}, {}] as [Session, Session]
  assert.equal(lists.keep(one, 60), true)
  assert.equal(lists.keep(two, 60), false)
  lists.letGo(one)
  assert.equal(lists.keep(two, 60), true)
  lists.letGo(two)
  lists.letGo(two)
  assert.equal(lists.keep(one, 100), true)
})

test('what is seen of a bundle is made anew when something has been learnt, and not with each call', () => {
  const catalogue = { revision: 0 }
  const bundle = { members: [{ server: 'one' }], separator: '_' }
  const asked: string[] = []
  const room = { bundle, catalogue, warn: () => undefined } as unknown as BundleRoom
  const kept = keepView(room, (server) => {
    asked.push(server)
    return undefined
  })
  assert.equal(kept.get(), kept.get())
  assert.deepEqual(asked, ['one'])
  catalogue.revision += 1
  assert.equal(kept.get(), kept.get())
  kept.forget()
  assert.equal(kept.get(), kept.get())
  assert.deepEqual(asked, ['one', 'one', 'one'])
})
