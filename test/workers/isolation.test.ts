import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import type { AttemptOutcomes } from '../../src/load/probes/attempt-table.ts'
import { attemptTable } from '../../src/load/probes/attempt-table.ts'
import { breakOutNames } from '../../src/load/probes/break-outs.ts'
import type { BreakOutName, Outcome, Tried } from '../../src/load/probes/break-outs.ts'
import { eachOf } from '../../src/load/probes/break-outs/attempt.ts'
import { skipWithoutSandbox } from './rig.ts'
import type { Column } from './isolation/expected.ts'
import { columns, expectedHere } from './isolation/expected.ts'
import { findFacts, skipWithoutLimits, skipWithoutPython } from './isolation/facts.ts'
import type { Probe, Stage } from './isolation/stage.ts'
import { mib, startStage } from './isolation/stage.ts'

/** What takes all that it can get, and so is tried in one worker at a time. */
const greedy: readonly BreakOutName[] = ['fork-bomb', 'fill-disk', 'fill-memory', 'burn-cpu']
const quiet = breakOutNames.filter((name) => !greedy.includes(name))
const inPython: readonly BreakOutName[] = ['trace-process', 'load-module']

const facts = await findFacts()
const seen = new Map<BreakOutName, Partial<Record<Column, Outcome>>>()
const inTurn = createTurns()

test('attempts to get out of a worker', { concurrency: true }, async (t) => {
  await Promise.all(
    columns.map((column) => {
      const skip = column === 'process' ? false : skipWithoutSandbox
      return t.test(column, { skip }, (its) => tryAll(its, column))
    }),
  )
  t.diagnostic(`\n${attemptTable(seenOutcomes())}`)
})

async function tryAll(t: TestContext, column: Column): Promise<void> {
  const stage = await startStage(t, column)
  const check = (name: BreakOutName, skip: string | false, attempt: () => Promise<Tried>) =>
    t.test(name, { skip }, async () => {
      const { outcome, how } = await attempt()
      seen.set(name, { ...seen.get(name), [column]: outcome })
      assert.equal(outcome, expectedHere(name, column, facts), how)
      assert.doesNotMatch(how, /^no answer within/)
    })

  for (const name of quiet) {
    const skip = inPython.includes(name) && skipWithoutPython
    await check(name, skip, () => quietly(stage, name))
  }
  // So little that one turn on a busy machine is more than it may have in a period.
  const hog = await stage.start({ memoryBytes: 200 * mib, cpus: 0.1 })
  await inTurn(async () => {
    await check('fork-bomb', skipWithoutLimits, () => stage.attacker.attempt('fork-bomb', 400))
    await check('fill-disk', false, () => fillDisks(stage))
    await check('burn-cpu', skipWithoutLimits, () => burnCpu(stage, hog))
    await check('fill-memory', skipWithoutLimits, () => fillMemory(stage, hog))
  })
}

/** In the order of the attempts and drivers, not in that in which they were done. */
function seenOutcomes(): AttemptOutcomes {
  const rowOf = (name: BreakOutName): [string, Outcome][] =>
    columns.map((column) => [column, seen.get(name)?.[column] ?? 'not-tried'])
  return Object.fromEntries(breakOutNames.map((name) => [name, Object.fromEntries(rowOf(name))]))
}

async function quietly({ attacker, victim, targets }: Stage, name: BreakOutName): Promise<Tried> {
  const target = targets[name]
  const tried = await attacker.attempt(name, target)
  if (name !== 'write-shared' || tried.outcome !== 'got-through') return tried
  // It may write there; what counts is where that goes.
  const file = String(target)
  const elsewhere = await victim.attempt('read-session', file)
  if (existsSync(file) || !elsewhere.how.startsWith('ENOENT')) return tried
  return { outcome: 'stopped', how: 'what it wrote stayed in its own copy' }
}

/** Without a wall only its own folder: the disk is everybody's. */
async function fillDisks({ attacker, disks }: Stage): Promise<Tried> {
  const tried: Tried[] = []
  for (const folder of disks) {
    tried.push(await attacker.attempt('fill-disk', [128 * mib, folder]))
  }
  return eachOf(tried, (one) => Promise.resolve(one))
}

/**
 * Whether it had to wait, only its group knows: a machine that is busy otherwise gives it less than
 * its share for a while, and then nothing is held back.
 */
async function burnCpu({ throttled }: Stage, hog: Probe): Promise<Tried> {
  const before = throttled(hog)
  let how = ''
  for (let left = 10; left > 0 && throttled(hog) === before; left -= 1) {
    how = (await hog.attempt('burn-cpu', 250)).how
  }
  return { outcome: throttled(hog) > before ? 'stopped' : 'got-through', how }
}

/** The end of the session is the answer. */
async function fillMemory({ victim }: Stage, hog: Probe): Promise<Tried> {
  const [tried, planted] = await Promise.all([
    hog.attempt('fill-memory', 400 * mib).catch(() => undefined),
    victim.plant(),
  ])
  if (tried !== undefined) return tried
  const { oom, how } = await hog.worker.exited
  assert.equal(oom, true, how)
  assert.deepEqual(await victim.plant(), planted)
  return { outcome: 'stopped', how }
}

/** One after the other, in the order in which they come. */
function createTurns(): (turn: () => Promise<void>) => Promise<void> {
  let last = Promise.resolve()
  return (turn) => {
    const next = last.then(turn)
    last = next.catch(() => undefined)
    return next
  }
}
