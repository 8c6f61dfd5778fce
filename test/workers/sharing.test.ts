import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, readFileSync, readSync, readdirSync, readlinkSync } from 'node:fs'
import { suite, test } from 'node:test'

import type { Worker } from '../../src/workers/driver.ts'
import { shownPid } from '../../src/workers/driver.ts'
import { eventually } from '../support/eventually.ts'
import { alive, descendants } from '../support/processes.ts'
import type { Rig } from './rig.ts'
import { call, open, skipWithoutNamespace, startRig } from './rig.ts'

const sharing = { sessionsPerKeeper: 3 }
const keeperOf = ({ handle }: Worker): number => Number(handle.pid)
const initOf = ({ handle }: Worker): number => Number(handle['initPid'])
const long = { maxMs: 600_000, orphanMs: 600_000 }

const several = (rig: Rig, count: number, fixture = 'tells-who.js'): Promise<Worker[]> =>
  Promise.all(Array.from({ length: count }, () => rig.start([fixture])))

/** The server itself, as seen from here. */
function serverOf(worker: Worker): number {
  const [server] = descendants(initOf(worker))
  assert.ok(server !== undefined)
  return server.pid
}

suite('workers that share a keeper', { concurrency: 3, skip: skipWithoutNamespace }, () => {
  test('are as many as one may keep, and the next gets another', async (t) => {
    const rig = startRig(t, sharing)
    const workers = await several(rig, 4)
    const keepers = workers.map(keeperOf)
    assert.deepEqual([...new Set(keepers)].length, 2)
    const counts = [...new Set(keepers)].map((pid) => keepers.filter((each) => each === pid).length)
    assert.deepEqual(counts.sort(), [1, 3])
    const shown = workers.map(({ handle }) => shownPid(handle))
    assert.equal(new Set(shown).size, 4, 'each is shown as a process of its own')
  })

  test('are of one server', async (t) => {
    const rig = startRig(t, sharing)
    const [one, other] = [
      await rig.start(['tells-who.js']),
      await rig.start(['tells-who.js'], { server: 'other' }),
    ]
    assert.notEqual(keeperOf(one), keeperOf(other))
  })

  test('end one by one', async (t) => {
    const rig = startRig(t, sharing)
    const [one, other] = (await several(rig, 2)) as [Worker, Worker]
    assert.equal(keeperOf(one), keeperOf(other))
    const [oneId, otherId] = [await open(one), await open(other)]
    void call(one, oneId, 'exit', { code: 7 }).catch(() => undefined)
    assert.deepEqual(await one.exited, { code: 7, signal: null, how: 'exit code 7' })
    assert.ok(!alive(initOf(one)))
    assert.deepEqual(await call(other, otherId, 'echo', { a: 1 }), { a: 1 })
    const next = await rig.start(['tells-who.js'])
    assert.equal(keeperOf(next), keeperOf(other), 'there is room again')
  })

  test('end with their keeper when it is killed, and no others do', async (t) => {
    const rig = startRig(t, sharing)
    const workers = await several(rig, 4)
    const [first] = workers as [Worker]
    const own = workers.filter((each) => keeperOf(each) === keeperOf(first))
    const others = workers.filter((each) => !own.includes(each))
    process.kill(keeperOf(first), 'SIGKILL')
    for (const each of own) assert.equal((await each.exited).how, 'its keeper was killed')
    for (const each of own) assert.ok(!alive(initOf(each)))
    for (const each of others) await open(each)
  })

  test('are killed one by one when the server does not end', async (t) => {
    const rig = startRig(t, sharing)
    const [one, other] = (await several(rig, 2, 'ignores-everything.js')) as [Worker, Worker]
    await Promise.all([open(one), open(other)])
    await one.stop({ graceMs: 50 })
    assert.equal((await one.exited).signal, 'SIGKILL')
    await open(other)
  })

  test('do without the one whose stream cannot be read any more', async (t) => {
    const rig = startRig(t, sharing)
    const bystander = await rig.start(['tells-who.js'])
    const loud = await rig.start(['floods.js', 'line'])
    assert.equal(keeperOf(loud), keeperOf(bystander))
    const [bystanderId, loudId] = [await open(bystander), await open(loud)]
    await call(loud, loudId, 'pour').catch(() => undefined)
    assert.equal((await loud.exited).how, 'it wrote a line of more than 32 MiB')
    assert.deepEqual(await call(bystander, bystanderId, 'echo', { a: 1 }), { a: 1 })
  })

  test('lose a keeper that is stuck: it goes with all that it keeps', async (t) => {
    const rig = startRig(t, sharing)
    const [one, other] = (await several(rig, 2)) as [Worker, Worker]
    process.kill(keeperOf(one), 'SIGSTOP')
    await one.stop({ graceMs: 0 })
    assert.equal((await one.exited).how, 'its keeper was killed')
    assert.equal((await other.exited).how, 'its keeper was killed')
    await rig.nothingLeft()
  })

  for (const isWarm of [false, true]) {
    const how = isWarm ? ', also one that has waited for its session' : ''
    test(`bear no trace of each other${how}`, async (t) => {
      const rig = startRig(t, sharing)
      const secret = `the secret of the first, ${randomBytes(8).toString('hex')}`
      const waiting = isWarm ? await rig.start(['tells-who.js'], { isWarm }) : undefined
      const first = await rig.start(['tells-who.js'], { env: { SECRET: secret } })
      const firstId = await open(first)
      await call(first, firstId, 'echo', { secret })
      await call(first, firstId, 'write', { stderr: 'words of the first\n' })
      const second = waiting ?? (await rig.start(['tells-who.js']))
      if (isWarm) assert.ok(await second.claim())
      assert.equal(keeperOf(first), keeperOf(second))
      const sessionId = await open(second)
      const { env } = await call<{ env: Record<string, string> }>(second, sessionId, 'about')
      assert.deepEqual(Object.keys(env).sort(), given)
      assert.ok(!JSON.stringify(env).includes(secret))
      for (const { pid } of descendants(initOf(second))) {
        assert.ok(!readFileSync(`/proc/${pid}/environ`, 'latin1').includes(secret))
      }
      if (hasInMemory(serverOf(first), secret)) {
        assert.ok(!hasInMemory(serverOf(second), secret))
      } else {
        t.diagnostic('the memory of another process cannot be read here')
      }
      const others = filesOf(serverOf(first))
      const shared = filesOf(serverOf(second)).filter((file) => others.includes(file))
      assert.deepEqual(shared, [])
      assert.ok(!(await second.lastLines()).includes('words of the first'))
      assert.deepEqual(readdirSync(rig.runtimeDir).filter(isTaken), [])
    })
  }

  test('are found by another gateway, and buried one by one', async (t) => {
    const rig = startRig(t, { ...sharing, outlives: long })
    const [one, other] = (await several(rig, 2)) as [Worker, Worker]
    assert.equal(keeperOf(one), keeperOf(other))
    const attached = await rig.driver.attach(one.handle)
    assert.ok(attached !== undefined)
    process.kill(initOf(one), 'SIGKILL')
    assert.equal((await attached.exited).how, 'killed by SIGKILL')
    assert.equal(await rig.driver.attach(one.handle), undefined)
    await rig.driver.bury(one.handle)
    assert.deepEqual(
      (await rig.driver.list()).map(({ handle }) => handle.workerId),
      [other.handle.workerId],
    )
    await open(other)
  })

  test('leave their keeper when nothing is to be kept any more', async (t) => {
    const rig = startRig(t, sharing)
    const [one, other] = (await several(rig, 2)) as [Worker, Worker]
    await Promise.all([one, other].map((each) => each.stop({ graceMs: 1000 })))
    assert.ok(alive(keeperOf(one)), 'it waits for the next session of its server')
    await rig.sharedKeepers?.close()
    await eventually(() => assert.ok(!alive(keeperOf(one))))
    assert.deepEqual(readdirSync(rig.runtimeDir), [])
  })
})

/** Those of a server that has been started are gone. */
const isTaken = (name: string): boolean => /-[12]\.(in|out|err)$/.test(name)

/** What the rig gives, and what a server is found by. */
const given = ['BERTH_TEST_MARK', 'BERTH_WORKER_ID', 'BERTH_WORKSPACE', 'PATH']

/** Whether a text stands anywhere in what a process may write to. */
function hasInMemory(pid: number, text: string): boolean {
  const places = readFileSync(`/proc/${pid}/maps`, 'latin1').matchAll(/^(\w+)-(\w+) rw/gm)
  const piece = Buffer.alloc(1024 * 1024)
  let memory: number
  try {
    memory = openSync(`/proc/${pid}/mem`, 'r')
  } catch {
    return false
  }
  try {
    for (const [, from = '', to = ''] of places) {
      const end = BigInt(`0x${to}`)
      for (let at = BigInt(`0x${from}`); at < end; at += BigInt(piece.length - text.length)) {
        const most = Number(end - at < BigInt(piece.length) ? end - at : BigInt(piece.length))
        if (piece.subarray(0, lengthOf(memory, piece, most, at)).includes(text)) return true
      }
    }
    return false
  } finally {
    closeSync(memory)
  }
}

/** How much could be read: some of it may be mapped to nothing. */
function lengthOf(memory: number, piece: Buffer, most: number, at: bigint): number {
  try {
    return readSync(memory, piece, 0, most, at)
  } catch {
    return 0
  }
}

/** The files that a process has open, by where they lead. */
function filesOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    const file = readlinkSync(`/proc/${pid}/fd/${fd}`)
    return file.startsWith('anon_inode') || file === '/dev/null' ? [] : [file]
  })
}
