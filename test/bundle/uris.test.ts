import assert from 'node:assert/strict'
import { test } from 'node:test'

import { uriTable } from '../../src/bundle/uris.ts'

const both = uriTable([
  { server: 'one', resources: [{ uri: 'file:///a' }], templates: [] },
  {
    server: 'two',
    resources: [{ uri: 'file:///a' }, { uri: 'file:///b' }],
    templates: [{ uriTemplate: 'note://{user}/{id}' }],
  },
])

test('a URI leads to the server that lists it', () => {
  assert.deepEqual(both.placeOf('file:///b'), { server: 'two', uri: 'file:///b' })
  assert.equal(both.shown('two', 'file:///b'), 'file:///b')
})

test('of two servers with one URI the first has it, and the other one is named', () => {
  assert.deepEqual(both.placeOf('file:///a'), { server: 'one', uri: 'file:///a' })
  assert.equal(both.shown('two', 'file:///a'), 'berth:two:file:///a')
  assert.deepEqual(both.placeOf('berth:two:file:///a'), { server: 'two', uri: 'file:///a' })
})

test('a URI that fits a template leads to the server of the template', () => {
  assert.deepEqual(both.placeOf('note://ann/7'), { server: 'two', uri: 'note://ann/7' })
})

test('one that nobody lists leads nowhere, unless there is one server with resources', () => {
  assert.equal(both.placeOf('other://x'), undefined)
  assert.equal(both.placeOf('berth:three:file:///a'), undefined)
  const only = uriTable([{ server: 'one', resources: [], templates: [] }])
  assert.deepEqual(only.placeOf('other://x'), { server: 'one', uri: 'other://x' })
})

test('no template makes it slow', () => {
  const template = `x:${'{a}b'.repeat(500)}`
  const table = uriTable([
    { server: 'one', resources: [], templates: [{ uriTemplate: template }] },
    { server: 'two', resources: [], templates: [] },
  ])
  assert.equal(table.placeOf(`x:${'b'.repeat(900)}c`), undefined)
})
