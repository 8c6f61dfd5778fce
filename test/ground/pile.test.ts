import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createPile } from '../../src/ground/pile.ts'

test('a pile has all bytes in their order, in few pieces however small the chunks were', () => {
  const pile = createPile()
  const all = Buffer.alloc(300_000, 'abcdefghijk')
  let at = 0
  for (; at < 100_000; at += 1) pile.add(all.subarray(at, at + 1))
  for (; at < all.length; at += 50_000) pile.add(all.subarray(at, at + 50_000))
  assert.equal(pile.bytes, all.length)
  assert.ok(pile.chunks.length < 1000, `${pile.chunks.length} chunks`)
  assert.ok(pile.take().equals(all))
  assert.deepEqual([pile.bytes, pile.chunks.length, pile.take().length], [0, 0, 0])
})

test('what is taken whole as it came is not copied', () => {
  const pile = createPile()
  const only = Buffer.from('only')
  pile.add(only)
  assert.equal(pile.take(), only)
})
