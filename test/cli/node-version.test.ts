import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { tooOld } from '../../src/cli/node-version.ts'
import { compiled } from '../support/config.ts'

test('a Node that is too old is told in a sentence, before anything else is loaded', () => {
  const older = `Object.defineProperty(process, 'versions', { value: { node: '18.20.4' } })`
  const preload = `data:text/javascript,${encodeURIComponent(older)}`
  const main = compiled('src/cli/main.js')
  const words = ['--import', preload, main, 'demo']
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' })
  assert.deepEqual([status, stdout], [1, ''])
  assert.match(
    stderr,
    /^mcp-berth: Berth needs Node\.js 20\.19 or newer, and this is 18\.20\.4\. Get a newer one .*\n$/,
  )
  // A module that wants what the old Node lacks would fail before anything could be said.
  for (const [, from = ''] of readFileSync(main, 'utf8').matchAll(/^import .* from '(.*)'/gm)) {
    assert.match(from, /^(node:(fs|url)|\.\/node-version\.js)$/)
  }
})

test('versions are compared by their numbers', () => {
  for (const old of ['14.21.3', '18.20.8', '20.9.0', '20.18.3']) {
    assert.match(tooOld(old, '>=20.19') ?? '', new RegExp(`this is ${old}\\.`))
  }
  for (const fine of ['20.19.0', '20.20.2', '22.1.0', '24.0.0-nightly']) {
    assert.equal(tooOld(fine, '>=20.19'), undefined, fine)
  }
})
