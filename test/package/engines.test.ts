import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const projectDir = join(import.meta.dirname, '..', '..', '..')
const oldest = [20, 19, 0]

interface Locked {
  version?: string
  engines?: { node?: string }
  deprecated?: string
  hasInstallScript?: boolean
}

const read = (file: string): unknown => JSON.parse(readFileSync(join(projectDir, file), 'utf8'))
const manifest = read('package.json') as Record<string, unknown> & { engines: { node: string } }
const lock = read('package-lock.json') as { packages: Record<string, Locked> }

test('npm ci warns of nothing on the oldest Node that Berth runs on', () => {
  assert.equal(manifest.engines.node, `>=${oldest.slice(0, 2).join('.')}`)
  for (const [place, { version, engines, deprecated, hasInstallScript }] of Object.entries(
    lock.packages,
  )) {
    const name = `${place}@${version ?? ''}`
    const range = engines?.node ?? '*'
    assert.ok(admits(range, oldest), `${name} wants Node ${range}`)
    assert.equal(deprecated, undefined, `${name} is deprecated`)
    assert.notEqual(hasInstallScript, true, `${name} has an install script, which npm warns of`)
  }
})

test('what holds for npm ci here holds for who installs the package', () => {
  // npm heeds overrides in the root alone, and the lock is not packed.
  assert.equal(manifest['overrides'], undefined)
  // For a packed file npm takes prepare for an install script.
  assert.equal((manifest['scripts'] as Record<string, unknown>)['prepare'], undefined)
  // Newer ones want a cookie that wants Node 22; fastify takes the one that stands beside it.
  const dependencies = manifest['dependencies'] as Record<string, string>
  assert.equal(dependencies['light-my-request'], '6.6.0')
  for (const [name, range] of Object.entries(dependencies)) assert.match(range, /^\d/, name)
})

test('ranges of versions are understood', () => {
  const table: [string, boolean][] = [
    ['*', true],
    ['>=20.19', true],
    ['>= 20.19.0', true],
    ['>=20.20', false],
    ['>=22', false],
    ['>20', false],
    ['>18', true],
    ['^18.18.0 || ^20.9.0 || >=21.1.0', true],
    ['^20.20.0 || ^22.13.0', false],
    ['18 || 20 || >=22', true],
    ['6.* || 8.* || >= 10.*', true],
    ['>=16 || 14 >=14.17', true],
    ['14 >=14.17', false],
    ['>=0.6.x', true],
    ['20.x', true],
    ['>=18 <20', false],
    ['~20.19', true],
    ['~20.18', false],
  ]
  for (const [range, isAdmitted] of table) assert.equal(admits(range, oldest), isAdmitted, range)
  assert.throws(() => admits('18 - 22', oldest), /18 - 22/)
})

/** Whether a range of versions, as `engines` has them, lets this one in. */
function admits(range: string, version: number[]): boolean {
  return range.split('||').some((alternative) => {
    const comparators = alternative.trim().replaceAll(/([<>=^~])\s+/g, '$1')
    const met = comparators.split(/\s+/).map((comparator) => meets(comparator, version, range))
    return met.every(Boolean)
  })
}

function meets(comparator: string, version: number[], range: string): boolean {
  const [, sign, text = ''] = /^(>=|<=|>|<|=|\^|~)?v?([\dx*.]+)$/.exec(comparator) ?? []
  if (text === '') throw new Error(`a range that this test does not know: ${range}`)
  // Up to the first part that may be anything.
  const parts = text.replace(/\.?[x*].*$/, '').split('.')
  const wanted = parts.filter((part) => part !== '').map(Number)
  const order = wanted.map((part, index) => Math.sign((version[index] ?? 0) - part))
  const difference = order.find((one) => one !== 0) ?? 0
  const same = order.findIndex((one) => one !== 0)
  const shared = same < 0 ? wanted.length : same
  switch (sign) {
    case '>=':
      return difference >= 0
    case '>':
      // `>20` is `>=21`, and a whole version is followed by the next.
      return difference > 0
    case '<=':
      return difference <= 0
    case '<':
      return difference < 0
    case '^':
      return difference >= 0 && shared >= 1
    case '~':
      return difference >= 0 && shared >= Math.min(2, wanted.length)
    case undefined:
    default:
      return difference === 0
  }
}
