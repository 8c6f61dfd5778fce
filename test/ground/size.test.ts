import assert from 'node:assert/strict'
import { test } from 'node:test'

import { parseSize, showSize } from '../../src/ground/size.ts'

test('a size is read with its unit', () => {
  const sizes: [unknown, number | undefined][] = [
    [1_048_576, 1_048_576],
    ['1048576', 1_048_576],
    ['100B', 100],
    ['64KiB', 65_536],
    ['512MiB', 536_870_912],
    ['512 MiB', 536_870_912],
    ['512mib', 536_870_912],
    ['512MB', 512_000_000],
    ['512kB', 512_000],
    ['1GiB', 1_073_741_824],
    ['1.5GiB', 1_610_612_736],
    ['2TB', 2e12],
    ['1TiB', 2 ** 40],
    ['0.5KiB', 512],
    // What is no size, is nothing, or could mean two things.
    [0, undefined],
    ['0', undefined],
    ['0.1B', undefined],
    [-1, undefined],
    [1.5, undefined],
    [Infinity, undefined],
    ['1.5', undefined],
    ['512m', undefined],
    ['1G', undefined],
    ['-1MiB', undefined],
    ['1e3', undefined],
    ['MiB', undefined],
    ['', undefined],
    ['1 GiB 2', undefined],
    ['99999999TiB', undefined],
    [true, undefined],
    [null, undefined],
  ]
  for (const [size, bytes] of sizes) assert.equal(parseSize(size), bytes, String(size))
})

test('a size is shown as it can be written', () => {
  const shown: [number, string][] = [
    [1, '1B'],
    [1023, '1023B'],
    [1024, '1KiB'],
    [536_870_912, '512MiB'],
    [1_610_612_736, '1.5GiB'],
    [512_000_000, '488.3MiB'],
    [2 ** 40, '1TiB'],
    [2 ** 50, '1024TiB'],
  ]
  for (const [bytes, text] of shown) assert.equal(showSize(bytes), text)
  assert.equal(parseSize(showSize(1_610_612_736)), 1_610_612_736)
})
