import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { SseEvent } from '../../src/load/client/sse.ts'
import { createSseReader } from '../../src/load/client/sse.ts'
import { canaryLength, createCanaries, drawSeed } from '../../src/load/search/canaries.ts'
import { createSearch } from '../../src/load/search/search.ts'
import type { Find } from '../../src/load/search/search.ts'

const seed = drawSeed()
const canaries = createCanaries(seed)
const canary = canaries.of(4711)

const each = (write: (code: string) => string): string =>
  Array.from(canary, (character) => write(character.charCodeAt(0).toString(16))).join('')
const base64 = (before: string): string => Buffer.from(`${before}${canary}!?`).toString('base64')

const written: Record<string, string> = {
  plain: `{"text":"so ${canary}!"}`,
  json: `{"text":"${each((code) => `\\u00${code}`)}"}`,
  percent: `/path?text=${each((code) => `%${code}`)}&more`,
  hex: `0x${each((code) => code)} `,
  'base64, 0 before': `"${base64('')}"`,
  'base64, 1 before': `"${base64('x')}"`,
  'base64, 2 before': `"${base64('xy')}"`,
  base64url: `"${Buffer.from(`???${canary}`).toString('base64url')}"`,
}

function findsIn(pieces: readonly Buffer[]): Find[] {
  const finds: Find[] = []
  const scan = createSearch(seed.marker).scan((find) => finds.push(find))
  for (const piece of pieces) scan.push(piece)
  scan.end()
  return finds
}

for (const [name, text] of Object.entries(written)) {
  test(`finds a canary that is written as ${name}, wherever it is cut`, () => {
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; at += 1) {
      const finds = findsIn([bytes.subarray(0, at), bytes.subarray(at)])
      assert.deepEqual(
        finds.map((find) => [find.canary, find.form]),
        [[canary, name.replace(/url$|,.*/, '')]],
        `cut at ${at}`,
      )
    }
    assert.equal(findsIn(Array.from(bytes, (byte) => Buffer.of(byte)))[0]?.canary, canary)
  })
}

test('tells whose a canary is, and that a forged or foreign one is nobody’s', () => {
  assert.equal(canary.length, canaryLength)
  assert.equal(canaries.ownerOf(canary), 4711)
  assert.equal(
    canaries.ownerOf(`${canary.slice(0, -1)}${canary.endsWith('0') ? '1' : '0'}`),
    undefined,
  )
  assert.equal(createCanaries(drawSeed()).ownerOf(canary), undefined)
})

test('no two of many canaries are alike', () => {
  const many = new Set(Array.from({ length: 5000 }, (_, number) => canaries.of(number)))
  assert.equal(many.size, 5000)
})

test('what a stream ends in the middle of is found as far as it goes', () => {
  const [find] = findsIn([Buffer.from(`... ${canary.slice(0, 20)}`)])
  assert.equal(find?.canary, canary.slice(0, 20))
})

test('finds several that stand close together, and nothing where there is none', () => {
  const other = canaries.of(1)
  const text = `${canary}${other}-${seed.marker.slice(1)}${Buffer.from(canary).toString('base64')}`
  const finds = findsIn([Buffer.from(text)])
  assert.deepEqual(
    finds.map((find) => find.canary),
    [canary, other, canary],
  )
  assert.deepEqual(findsIn([Buffer.from(createCanaries(drawSeed()).of(1).repeat(50))]), [])
})

test('reads server-sent events in whatever pieces they come', () => {
  const text =
    ': hello\n\nid: 1\nretry: 50\ndata:\n\nevent: message\r\nid: 2\r\ndata: {"a":\r\ndata: "ü"}\r\n\r\ndata: last\n\n'
  const expected: SseEvent[] = [
    { id: '1', retryMs: 50, data: '' },
    { id: '2', data: '{"a":\n"ü"}' },
    { data: 'last' },
  ]
  const bytes = Buffer.from(text)
  for (let width = 1; width <= bytes.length; width += 1) {
    const events: SseEvent[] = []
    const reader = createSseReader((event) => events.push(event))
    for (let at = 0; at < bytes.length; at += width) reader.push(bytes.subarray(at, at + width))
    assert.deepEqual(events, expected, `in pieces of ${width}`)
  }
})
