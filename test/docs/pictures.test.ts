import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { endReasons } from '../../src/ground/events.ts'
import { states } from '../../src/sessions/record.ts'
import { linesOf, terminalSvg, textOf } from './terminal-svg.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const read = (name: string): string => readFileSync(join(root, name), 'utf8')

test('a drawn picture is small, and asks for nothing beside itself', () => {
  for (const name of ['demo.svg', 'session-life.svg']) {
    const svg = read(`test/docs/${name}`)
    assert.ok(Buffer.byteLength(svg) < 60 * 1024, name)
    assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox=/)
    assert.doesNotMatch(svg, /<script|href=|url\((?!#)|@import/)
  }
})

test("the picture of a session's life, and the table beside it, have every state and reason", () => {
  const svg = read('test/docs/session-life.svg')
  const page = read('src/sessions/README.md')
  for (const state of states) assert.ok(svg.includes(`>${state}</text>`), state)
  for (const reason of endReasons) {
    assert.ok(svg.includes(`>${reason}</text>`), reason)
    assert.ok(page.includes(`\n| \`${reason}\` | `), reason)
  }
})

test('the picture of the demo is one of the demo that there is (npm run picture)', () => {
  const svg = read('test/docs/demo.svg')
  const words = [...read('src/demo/run.ts').matchAll(/stage\.(?:scene|tell)\('(.+)'\)/g)]
  assert.ok(words.length > 5)
  for (const [, text = ''] of words) {
    assert.ok(svg.includes(text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')), text)
  }
})

test('a terminal is drawn as it stands at the end: coloured, redrawn and broken between words', () => {
  const written =
    '\u001b[1mtitle\u001b[22m\r\nbar 1\r\nbar 2\r\n\u001b[2A\u001b[0J\u001b[36mAna \u001b[39mdone\r\nlong words are broken'
  const lines = linesOf(written, 16)
  assert.deepEqual(lines.map(textOf), ['title', 'Ana done', 'long words are ', '        broken'])
  assert.deepEqual(lines[0], [{ text: 'title', color: undefined, isBold: true }])
  assert.deepEqual(
    lines[1]?.map(({ color }) => color !== undefined),
    [true, false],
  )
  const svg = terminalSvg('a < b', [[{ text: '<&', color: '#fff', isBold: false }]], 16)
  assert.match(svg, /aria-label="a &lt; b"/)
  assert.match(svg, /<tspan style="fill: #fff">&lt;&amp;<\/tspan>/)
})
