import assert from 'node:assert/strict'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { processesWith } from '../support/processes.ts'
import { place } from './berth.ts'
import type { Place } from './berth.ts'

const down = '\u001b[B'

describe('demo', { concurrency: 3 }, () => {
  it('shows two sessions apart and their ends, exits 0 and leaves nothing', async (t) => {
    const here = place(t)
    const { code, stdout, stderr } = await here.berth(['demo'], temporary(here))
    assert.deepEqual([code, stderr], [0, ''])
    assert.deepEqual(
      stdout.match(/^\d\./gm),
      ['1.', '2.', '3.', '4.', '5.'],
      'all its scenes are played',
    )
    for (const name of ['Ana', 'Ben']) {
      const lines = stdout.split('\n').filter((line) => line.startsWith(`${name} │`))
      assert.equal(lines.filter((line) => line.includes('│ ?')).length, 6, name)
      assert.equal(lines.filter((line) => line.includes('/5 ')).length, 5, name)
      const [, booked = ''] = /│ {3}Booked: (TRIP-\w+)$/m.exec(lines.join('\n')) ?? []
      assert.ok(stdout.includes(`✓ ${name}'s worker knows ${booked} and nothing else`), stdout)
    }
    assert.match(stdout, /✓ After \d+\.\d s the session is gone: its id answers 404/)
    assert.match(stdout, /^ {3}✓ Its id answers 404$/m)
    assert.doesNotMatch(stdout, /✗|\u001b/)
    assertNothingLeft(here)
  })

  it('is not disturbed by another one', async (t) => {
    const places = [place(t), place(t)]
    const outcomes = await Promise.all(places.map((here) => here.berth(['demo'], temporary(here))))
    for (const { code, stdout } of outcomes) {
      assert.equal(code, 0, stdout)
      if (process.platform === 'linux') assert.match(stdout, /✓ Workers left: 0/)
    }
    for (const here of places) assertNothingLeft(here)
  })

  it('ends at Ctrl-C in the middle of it, and leaves nothing', async (t) => {
    const here = place(t)
    const running = here.start(['demo'], temporary(here))
    await running.says(/Who is coming along/)
    running.child.kill('SIGINT')
    assert.equal((await running.done).code, 130)
    assertNothingLeft(here)
  })

  it('wants a terminal to ask at', async (t) => {
    const here = place(t)
    const { code, stdout } = await here.berth(['demo', '--interactive'], temporary(here))
    assert.deepEqual([code, stdout], [1, '   ✗ The questions can only be asked at a terminal.\n'])
    assertNothingLeft(here)
  })

  it('asks its questions at a terminal', async (t) => {
    const here = place(t)
    const running = here.atTerminal(['demo', '--interactive'], temporary(here))
    if (running === undefined) return
    const { child, says, done } = running
    for (const [shown, typed] of [
      [/◆ {2}Where would you like to go\?/, '\r'],
      [/◆ {2}Destination: /, 'Rome\r'],
      [/◆ {2}What kind of trip to Rome/, '\r'],
      [/◆ {2}How many nights/, '\r'],
      [/◆ {2}Nights/, '\r'],
      [/◆ {2}Who is coming along/, '\r'],
      [/◆ {2}Adults/, '\r'],
      [/◆ {2}Children/, '\r'],
      [/◆ {2}Send these answers/, '\r'],
      [/◆ {2}You are the model here/, `${down}\r`],
      [/◆ {2}Rome, beach and sea/, '\r'],
    ] as const) {
      await says(shown)
      child.stdin.write(typed)
    }
    const { code, stdout } = await done
    const shown = stripVTControlCharacters(stdout)
    assert.equal(code, 0, shown)
    const [, booked = ''] = /^You │ {3}Booked: (TRIP-\w+)\r$/m.exec(shown) ?? []
    assert.ok(shown.includes(`✓ Your worker knows ${booked} and nothing else`), shown)
    assert.match(shown, /You say nothing more\. A session that is idle for \d+ seconds ends/)
    assertNothingLeft(here)
  })
})

/** Whatever it makes, it makes in a temporary folder; this one is the test's. */
function temporary({ folder }: Place) {
  const tmp = join(folder, 'tmp')
  mkdirSync(tmp)
  return { env: { TMPDIR: tmp } }
}

function assertNothingLeft({ folder }: Place): void {
  assert.deepEqual(readdirSync(join(folder, 'tmp')), [])
  assert.deepEqual(processesWith(folder), [])
}
