import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Tool } from '@modelcontextprotocol/sdk/types.js'

import { checkArguments } from '../../src/client/argument-check.ts'
import type { ArgumentForm } from '../../src/client/argument-check.ts'

const add: Tool = {
  name: 'add',
  inputSchema: {
    type: 'object',
    properties: { a: { type: 'number' }, b: { type: 'number' } },
    required: ['a', 'b'],
    additionalProperties: false,
  },
}
const trip: Tool = {
  name: 'trip',
  inputSchema: {
    type: 'object',
    properties: {
      to: { type: 'string', examples: ['New York'] },
      day: { type: 'string', format: 'date' },
      kind: { type: 'string', enum: ['sea', 'city'] },
      sure: { type: 'boolean' },
      tags: { type: 'array', items: { type: 'string' } },
      key: { type: 'string', format: 'password' },
    },
    required: ['to', 'day', 'kind', 'sure', 'tags'],
  },
}

function said(tool: Tool, args: Record<string, unknown>, form: ArgumentForm): string {
  try {
    checkArguments(tool, args, form)
  } catch (error) {
    return (error as Error).message
  }
  return assert.fail('it was taken')
}

test('missing arguments are named, with what to write where they were given', () => {
  const none = { option: `--args '{"a": 1, "b": 1}'`, words: 'a=1 b=1', prompt: 'call add a=1 b=1' }
  for (const [form, written] of Object.entries(none)) {
    assert.equal(said(add, {}, form as ArgumentForm), `add needs a and b: ${written}`)
  }
  assert.equal(said(add, { b: 7 }, 'option'), `add needs a: --args '{"b": 7, "a": 1}'`)
})

test('the examples are of the type that is wanted, and secrets are not repeated', () => {
  assert.equal(
    said(trip, { key: 'hunter2' }, 'prompt'),
    'trip needs to, day, kind, sure and tags: call trip key=… to="New York" day=2026-01-31 kind=sea sure=true tags="[\\"text\\"]"',
  )
  assert.match(said(trip, {}, 'words'), /: 'to=New York' day=2026-01-31 .* 'tags=\["text"\]'$/)
})

test('an argument that there is not is named, with the one that was probably meant', () => {
  assert.equal(
    said(add, { a: 1, b: 2, note: 3 }, 'option'),
    'There is no argument note. It takes: a, b.',
  )
  assert.equal(
    said(add, { a: 1, bb: 2 }, 'words'),
    'add needs b: a=1 b=1. There is no argument bb. Did you mean b? It takes: a, b.',
  )
})

test('a value of the wrong type is told as such', () => {
  assert.equal(
    said(add, { a: 'x', b: 2 }, 'option'),
    `add does not take --args '{"a":"x","b":2}': a must be number.`,
  )
  const given = { to: 'x', day: '2026-01-31', kind: 'sea', sure: 1, tags: [], key: 'hunter2' }
  assert.doesNotMatch(said(trip, given, 'prompt'), /hunter2/)
})
