import assert from 'node:assert/strict'
import test from 'node:test'

import type { LocalSpec, Worker } from '../../../src/workers/driver.ts'
import { eventually } from '../../support/eventually.ts'
import { needed } from '../../support/needs.ts'
import { commandOf, listProcesses, processesWith } from '../../support/processes.ts'
import { outputOf, skipWithoutNamespace, skipWithoutSandbox } from '../rig.ts'
import type { ForkRig } from './fork-rig.ts'
import { startForkRig } from './fork-rig.ts'

const python = needed('python3')
const options = { skip: python.skip === false ? skipWithoutNamespace : python.skip }
const sandboxed = { skip: options.skip || skipWithoutSandbox }
const interpreter = python.skip === false ? python.path : ''

const waits = `
import signal, sys, time
def term(number, frame):
    print('asked', file=sys.stderr)
    sys.exit(7)
signal.signal(signal.SIGTERM, term)
print('waits', file=sys.stderr)
while True: time.sleep(60)
`
const ignores = waits.replace('sys.exit(7)', 'pass')

/** A worker that waits, forked. */
async function waiting(rig: ForkRig, text = waits): Promise<{ worker: Worker; spec: LocalSpec }> {
  const spec = rig.python(text)
  const worker = await rig.startSpec(spec)
  await eventually(() => assert.match(outputOf(spec), /waits/))
  await rig.was('forked')
  return { worker, spec }
}

/** The processes of a worker, by what they run, as they are seen from here. */
function processOf({ workerId }: LocalSpec, fits: RegExp): number {
  const found = processesWith(workerId).filter(({ pid }) => fits.test(commandOf(pid)))
  assert.equal(found.length, 1, found.map(({ pid }) => commandOf(pid)).join('\n'))
  return found[0]!.pid
}

const server = /^\S+ server\.py$/
const standIn = /^sh -c .* berth-fork \d+$/s
const ofTemplate = (): number[] =>
  listProcesses()
    .filter(({ pid }) => commandOf(pid).includes('def template():'))
    .map(({ pid }) => pid)

for (const isolation of ['process', 'sandbox'] as const) {
  const skip = isolation === 'sandbox' ? options.skip || skipWithoutSandbox : options.skip
  test(`a fork that is asked to end does so in its own way: ${isolation}`, { skip }, async (t) => {
    const rig = startForkRig(t, interpreter, { isolation })
    await rig.ready()
    const { worker, spec } = await waiting(rig)
    await worker.stop({ graceMs: 60_000 })
    assert.match(outputOf(spec), /asked/)
    assert.equal((await worker.exited).code, 7)
  })

  test(`a fork that will not end is killed with all of it: ${isolation}`, { skip }, async (t) => {
    const rig = startForkRig(t, interpreter, { isolation })
    await rig.ready()
    const started = `import subprocess\nsubprocess.Popen(['setsid', 'sleep', '1000'])\n`
    const { worker } = await waiting(rig, started + ignores)
    await worker.stop({ graceMs: 100 })
    await rig.nothingLeft()
  })
}

test('a fork in a sandbox ends as a plain start does', sandboxed, async (t) => {
  const forking = startForkRig(t, interpreter, { isolation: 'sandbox' })
  const plain = startForkRig(t, interpreter, { isolation: 'sandbox', preload: [] })
  await forking.ready()
  for (const end of ['sys.exit(3)', 'os.abort()', '1/0']) {
    const ends = []
    for (const rig of [forking, plain]) {
      const worker = await rig.startSpec(rig.python(`import os, sys\n${end}\n`))
      const { code, signal, how } = await worker.exited
      ends.push({ code, signal, how })
    }
    assert.deepEqual(ends[0], ends[1], end)
  }
  await forking.was('forked')
})

test('one of the forks in a keeper ends alone', options, async (t) => {
  const rig = startForkRig(t, interpreter, { sessionsPerKeeper: 8 })
  await rig.ready()
  const [one, two] = [await waiting(rig), await waiting(rig)]
  assert.equal(
    rig.sharedKeepers === undefined || one.worker.handle.pid === two.worker.handle.pid,
    true,
  )
  process.kill(processOf(one.spec, server), 'SIGKILL')
  assert.equal((await one.worker.exited).signal, 'SIGKILL')
  await two.worker.stop({ graceMs: 60_000 })
  assert.equal((await two.worker.exited).code, 7)
})

test('the end of a fork is told as it was', options, async (t) => {
  const rig = startForkRig(t, interpreter)
  await rig.ready()
  const { worker, spec } = await waiting(rig)
  process.kill(processOf(spec, server), 'SIGKILL')
  const { signal, how } = await worker.exited
  assert.deepEqual([signal, how], ['SIGKILL', 'killed by SIGKILL'])
})

test('a fork ends with what stands for it', options, async (t) => {
  const rig = startForkRig(t, interpreter)
  await rig.ready()
  const { worker, spec } = await waiting(rig)
  process.kill(processOf(spec, standIn), 'SIGKILL')
  assert.equal((await worker.exited).signal, 'SIGKILL')
  await rig.nothingLeft()
})

test('a fork ends with what waits beside it', options, async (t) => {
  const rig = startForkRig(t, interpreter)
  await rig.ready()
  const { worker, spec } = await waiting(rig)
  const pid = processOf(spec, server)
  const beside = listProcesses().find((entry) => entry.pid === pid)?.parentPid
  process.kill(beside ?? 0, 'SIGKILL')
  assert.equal((await worker.exited).signal, 'SIGKILL')
  await rig.nothingLeft()
})

test('the crash of a template costs its sessions nothing, and others speed', options, async (t) => {
  const before = new Set(ofTemplate())
  const rig = startForkRig(t, interpreter)
  await rig.ready()
  const { worker } = await waiting(rig)
  const [template] = ofTemplate().filter((pid) => !before.has(pid) && isChild(pid))
  process.kill(template ?? 0, 'SIGKILL')
  await eventually(() => assert.match(rig.said.join('\n'), /template has ended \(SIGKILL\)/))
  const spec = rig.python(waits)
  const plain = await rig.startSpec(spec)
  await eventually(() => assert.match(outputOf(spec), /waits/))
  assert.equal(rig.outcomes.at(-1), 'plain')
  rig.said.length = 0
  await rig.ready()
  const third = await waiting(rig)
  for (const each of [worker, plain, third.worker]) {
    await each.stop({ graceMs: 60_000 })
    assert.equal((await each.exited).code, 7)
  }
})

const isChild = (pid: number): boolean =>
  listProcesses().find((entry) => entry.pid === pid)?.parentPid === process.pid

test('a fork ends with its keeper, and a template with its gateway', options, async (t) => {
  const before = new Set(ofTemplate())
  const rig = startForkRig(t, interpreter)
  await rig.ready()
  const { worker } = await waiting(rig)
  process.kill(Number(worker.handle['pid']), 'SIGKILL')
  await worker.exited
  await rig.nothingLeft()
  await rig.templates.close()
  assert.deepEqual(
    ofTemplate().filter((pid) => !before.has(pid) && isChild(pid)),
    [],
  )
})
