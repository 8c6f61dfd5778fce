import assert from 'node:assert/strict'
import test from 'node:test'
import { NeedError } from './need.ts'
import type { Need, Place, Site } from './need.ts'
import { describeOutcomes, environmentOf, missingVariable, prepareNeeds } from './prepare.ts'
import type { PrepareOptions } from './prepare.ts'
import { needs } from './table.ts'
import { meanwhile } from '../support/patience.ts'

const executable = process.execPath

function needNamed(name: string, parts: Partial<Need> = {}): Need {
  return {
    name,
    why: 'a test',
    kind: 'test',
    variable: `BERTH_TEST_${name.toUpperCase()}`,
    byHand: `install ${name}`,
    find: () => Promise.resolve(undefined),
    fetch: () => Promise.reject(new NeedError('no network')),
    ...parts,
  }
}

const here = (place: Place) => () => Promise.resolve(place)

function options(parts: Partial<PrepareOptions> = {}): PrepareOptions {
  return {
    projectDir: '/project',
    cacheDir: '/project/.cache',
    env: { PATH: '/bin' },
    signal: new AbortController().signal,
    ...parts,
  }
}

test('what was found, fetched and missing is told apart, with the command to run', async () => {
  const outcomes = await prepareNeeds(
    [
      needNamed('one', { find: here({ path: '/usr/bin/one', detail: '1.0' }) }),
      needNamed('second', { fetch: here({ path: '/project/.cache/two', detail: '' }) }),
      needNamed('three'),
      needNamed('four', { kind: 'bench' }),
    ],
    options({ mayFetch: ({ kind }) => kind === 'test' }),
  )
  assert.deepEqual(
    outcomes.map(({ state }) => state),
    ['found', 'fetched', 'missing', 'missing'],
  )
  assert.deepEqual(describeOutcomes(outcomes, '/project'), [
    '  found    one     1.0  /usr/bin/one',
    '  fetched  second  .cache/two  (0.0 s)',
    '  missing  three   no network',
    '                   run: install three',
    '  missing  four    (a test; only for npm run bench)',
  ])
})

test('tests are given a variable for each path, and what was fetched at the end of PATH', async () => {
  const place = { path: '/cache/bin/one', detail: '', binDir: '/cache/bin' }
  const outcomes = await prepareNeeds(
    [needNamed('one', { find: here(place) }), needNamed('two')],
    options(),
  )
  assert.deepEqual(environmentOf(outcomes, { PATH: '/bin' }), {
    BERTH_TEST_ONE: '/cache/bin/one',
    PATH: '/bin:/cache/bin',
    [missingVariable]: '{"two":{"reason":"no network","command":"install two"}}',
  })
})

test('a need that uses another waits for it, and is missing for the same reason', async () => {
  const uses = (name: string): Partial<Need> => ({
    fetch: async (site: Site) => ({ path: `${(await site.place(name)).path}/env`, detail: '' }),
  })
  const slow = meanwhile(20).then((): Place => ({ path: '/python', detail: '' }))
  const outcomes = await prepareNeeds(
    [
      needNamed('env', uses('python')),
      needNamed('python', { find: () => slow }),
      needNamed('lost', uses('snake')),
      needNamed('snake'),
    ],
    options(),
  )
  const [env, , lost] = outcomes
  assert.equal(env?.state === 'fetched' && env.place.path, '/python/env')
  assert.ok(lost?.state === 'missing')
  assert.equal(lost.reason, 'snake is missing: no network')
  assert.equal(lost.command, 'install snake')
})

test('a person may name the executable, and is told when that cannot be run', async () => {
  const env = { BERTH_TEST_ONE: executable, BERTH_TEST_TWO: '/no/such/thing' }
  const [one, two] = await prepareNeeds([needNamed('one'), needNamed('two')], options({ env }))
  assert.equal(one?.state === 'found' && one.place.path, executable)
  assert.ok(two?.state === 'missing')
  assert.equal(two.reason, '$BERTH_TEST_TWO names /no/such/thing, which cannot be run')
})

test('a run inside a run does not look again for what was missing', async () => {
  const env = { [missingVariable]: '{"one":{"reason":"no network","command":"do it"}}' }
  const fetch = (): Promise<Place> => Promise.reject(new Error('looked'))
  const [one] = await prepareNeeds([needNamed('one', { fetch })], options({ env }))
  assert.ok(one?.state === 'missing')
  assert.deepEqual([one.reason, one.command], ['no network', 'do it'])
})

test('whatever else goes wrong with a need makes it missing and ends no run', async () => {
  const find = (): Promise<Place> => Promise.reject(new Error('disk full'))
  const [one] = await prepareNeeds([needNamed('one', { find })], options())
  assert.equal(one?.state === 'missing' && one.reason, 'disk full')
})

test('every need of the table has a name, a variable and a command of its own', () => {
  for (const key of ['name', 'variable', 'byHand'] as const) {
    assert.equal(new Set(needs.map((need) => need[key])).size, needs.length, key)
  }
  assert.ok(needs.every(({ variable }) => /^BERTH_TEST_[A-Z0-9_]+$/.test(variable)))
})
