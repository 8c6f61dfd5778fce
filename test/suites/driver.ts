import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { suite, test } from 'node:test'

import { GatewayError } from '../../src/ground/errors.ts'
import type { Worker, WorkerDriver, WorkerHandle, WorkerSpec } from '../../src/workers/driver.ts'
import { atEnd } from '../support/at-end.ts'
import { call, open, post } from '../workers/rig.ts'

/** What the suite needs to know of one driver, made anew for every test. */
export interface Subject {
  driver: WorkerDriver
  /** A worker of one of `test/fixtures/workers`, with arguments. */
  spec(fixture: string, ...args: string[]): WorkerSpec
  /** A spec of the other kind, which this driver cannot start. */
  wrongSpec: WorkerSpec
  /** Handles like this one that mean no worker there is, by what is wrong with them. */
  strangers(handle: WorkerHandle): Record<string, WorkerHandle>
  /** Makes a worker that lives impossible to attach to. */
  hide(handle: WorkerHandle): void
  /** How many processes this test's workers consist of now. */
  processes(): number
}

const never = new AbortController().signal

/** What the contract in `src/workers/driver.ts` promises, for any driver. */
export function testDriver(
  name: string,
  capabilities: WorkerDriver['capabilities'],
  make: (t: TestContext) => Promise<Subject> | Subject,
  skip: string | false = false,
): void {
  suite(`the driver ${name}`, { concurrency: 4, skip }, () => {
    const check = (title: string, fn: (t: TestContext, subject: Subject) => Promise<void>): void =>
      void test(title, async (t) => fn(t, await make(t)))
    /** For drivers with a worker for each session. */
    const checkOwn = capabilities.perSession ? check : () => undefined
    const start = async (t: TestContext, { driver, spec }: Subject, fixture: string) => {
      const worker = await driver.start(spec(fixture), never)
      atEnd(t, () => worker.stop({ graceMs: 0 }))
      return worker
    }

    check('says how it isolates, or why it cannot run here', async (_, { driver }) => {
      assert.deepEqual(driver.capabilities, capabilities)
      const probe = await driver.probe()
      assert.ok(probe.available ? probe.how.length > 0 : probe.why.length > 0)
      assert.deepEqual(await driver.probe(), probe)
    })

    check('starts a worker that answers initialize at its endpoint', async (t, subject) => {
      const worker = await start(t, subject, 'tells-who.js')
      const sessionId = await open(worker)
      const echoed = await call(worker, sessionId, 'echo', { text: 'hello' })
      assert.deepEqual(echoed, { text: 'hello' })
    })

    check('hands out a handle that is JSON without secrets', async (t, subject) => {
      const { handle, endpoint } = await start(t, subject, 'tells-who.js')
      const json = JSON.stringify(handle)
      assert.deepEqual(JSON.parse(json), handle)
      assert.equal(handle.driver, subject.driver.name)
      for (const secret of Object.values(endpoint.headers)) assert.ok(!json.includes(secret))
    })

    check('stops a worker once, however often it is asked to', async (t, subject) => {
      const worker = await start(t, subject, 'tells-who.js')
      const [exit] = await Promise.all([
        worker.exited,
        worker.stop({ graceMs: 5000 }),
        worker.stop({ graceMs: 5000 }),
      ])
      if (capabilities.perSession) assert.equal(subject.processes(), 0)
      await worker.stop({ graceMs: 5000 })
      assert.equal(await worker.exited, exit)
      assert.notEqual(exit.how, '')
    })

    checkOwn('settles `exited` with how a worker ended by itself', async (t, subject) => {
      const worker = await start(t, subject, 'tells-who.js')
      const sessionId = await open(worker)
      await call(worker, sessionId, 'write', { stderr: 'the last words\n' })
      void call(worker, sessionId, 'exit', { code: 7 }).catch(() => undefined)
      assert.deepEqual(await worker.exited, { code: 7, signal: null, how: 'exit code 7' })
      assert.equal(subject.processes(), 0)
      if (capabilities.output) {
        assert.deepEqual((await worker.lastLines()).at(-1), 'the last words')
      }
    })

    checkOwn('gives what is behind a shell its time to save something', async (t, subject) => {
      const spec = subject.spec('wrapped.js', 'saves-on-sigterm.js')
      const worker = await startSpec(t, subject, spec)
      await open(worker)
      await worker.stop({ graceMs: 10_000 })
      assert.ok(existsSync(join(cwdOf(spec), 'saved')))
      assert.deepEqual((await worker.lastLines()).slice(-2), ['saving', 'saved'])
    })

    checkOwn('kills what does not end when it is asked', async (t, subject) => {
      const worker = await start(t, subject, 'ignores-everything.js')
      await open(worker)
      await worker.stop({ graceMs: 300 })
      assert.equal((await worker.exited).signal, 'SIGKILL')
      assert.equal(subject.processes(), 0)
      assert.ok((await worker.lastLines()).includes('ignored SIGTERM'))
    })

    check('starts nothing for a signal that was aborted before', async (_, subject) => {
      const reason = new Error('not wanted any more')
      const start = async () =>
        subject.driver.start(subject.spec('tells-who.js'), abortedFor(reason))
      await assert.rejects(start(), reason)
      assert.equal(subject.processes(), 0)
    })

    checkOwn(
      'leaves nothing behind of a start that is called off at any time',
      async (_, subject) => {
        const { driver, spec } = subject
        const reason = new Error('not wanted any more')
        const callOff = async (afterMs: number): Promise<void> => {
          const calledOff = new AbortController()
          setTimeout(() => calledOff.abort(reason), afterMs)
          const starting = driver.start(spec('serves-late.js', '200'), calledOff.signal)
          // A start that was over before (over stdio it is as soon as there is a process) is stopped.
          await starting.then(
            (worker) => worker.stop({ graceMs: 0 }),
            (thrown: unknown) => assert.equal(thrown, reason),
          )
        }
        await Promise.all([0, 1, 50, 100, 150, 200, 250, 300].map(callOff))
        assert.equal(subject.processes(), 0)
        assert.deepEqual(await driver.list(), [])
      },
    )

    check('finds a worker again by its handle', async (t, subject) => {
      const worker = await start(t, subject, 'tells-who.js')
      const sessionId = await open(worker)
      const handle = JSON.parse(JSON.stringify(worker.handle)) as WorkerHandle
      const again = await subject.driver.attach(handle)
      assert.ok(again !== undefined)
      assert.deepEqual(again.endpoint, worker.endpoint)
      assert.deepEqual(await call(again, sessionId, 'echo', { a: 1 }), { a: 1 })
      await again.stop({ graceMs: 1000 })
      assert.notEqual((await again.exited).how, '')
      if (!capabilities.perSession) return
      await worker.exited
      assert.equal(subject.processes(), 0)
      assert.equal(await subject.driver.attach(handle), undefined)
    })

    checkOwn('shows its end to all that are attached to it', async (t, subject) => {
      const { driver } = subject
      const worker = await start(t, subject, 'tells-who.js')
      const [one, other] = await Promise.all([
        driver.attach(worker.handle),
        driver.attach(worker.handle),
      ])
      assert.ok(one !== undefined && other !== undefined)
      const sessionId = await open(worker)
      void call(one, sessionId, 'exit', { code: 7 }).catch(() => undefined)
      const exit = { code: 7, signal: null, how: 'exit code 7' }
      const exits = await Promise.all([worker.exited, one.exited, other.exited])
      assert.deepEqual(exits, [exit, exit, exit])
      assert.equal(subject.processes(), 0)
      assert.deepEqual(await driver.list(), [])
      assert.equal(await driver.attach(worker.handle), undefined)
      assert.deepEqual(await driver.bury(worker.handle), exit)
      assert.deepEqual(await driver.bury(worker.handle), exit)
    })

    checkOwn('has its session from its claim on, if it lives', async (t, subject) => {
      const { driver } = subject
      const spec = subject.spec('tells-who.js')
      if (spec.kind === 'local') spec.isWarm = true
      const worker = await startSpec(t, subject, spec)
      const isWarm = async () => (await driver.list()).map((marker) => marker.isWarm)
      assert.deepEqual(await isWarm(), [true])
      assert.equal(await worker.claim(), true)
      assert.deepEqual(await isWarm(), [undefined])
      await open(worker)
      await worker.stop({ graceMs: 1000 })
      assert.equal(await worker.claim(), false)
    })

    check('keeps the note that was left last', async (t, subject) => {
      const worker = await start(t, subject, 'tells-who.js')
      const again = await subject.driver.attach(worker.handle)
      assert.ok(again !== undefined)
      assert.equal(await again.note(), undefined)
      await worker.leaveNote('the first')
      await worker.leaveNote('"the" second\n')
      assert.equal(await again.note(), capabilities.perSession ? '"the" second\n' : undefined)
      await worker.stop({ graceMs: 1000 })
      await worker.leaveNote('too late')
      assert.equal(await again.note(), undefined)
    })

    checkOwn('buries what can be reached no more', async (t, subject) => {
      const { driver } = subject
      const worker = await start(t, subject, 'tells-who.js')
      subject.hide(worker.handle)
      assert.equal(await driver.attach(worker.handle), undefined)
      const exits = await Promise.all([driver.bury(worker.handle), driver.bury(worker.handle)])
      // A keeper that has others lives on, and tells.
      const isShared = worker.handle['sharesKeeper'] === true
      const how = isShared ? 'killed by SIGKILL' : 'its keeper vanished'
      const killed = { code: null, signal: 'SIGKILL', how }
      assert.deepEqual(exits, [killed, killed])
      assert.equal(subject.processes(), 0)
      assert.deepEqual(await driver.list(), [])
      await worker.exited
    })

    check('does not take what is there for what a handle means', async (t, subject) => {
      const worker = await start(t, subject, 'tells-who.js')
      for (const [what, handle] of Object.entries(subject.strangers(worker.handle))) {
        assert.equal(await subject.driver.attach(handle), undefined, what)
      }
      await open(worker)
    })

    check('lists what runs, and whose it is', async (t, subject) => {
      const { driver } = subject
      const worker = await start(t, subject, 'tells-who.js')
      const expected = capabilities.perSession ? [worker.handle] : []
      const listed = await driver.list()
      assert.deepEqual(
        listed.map(({ handle }) => handle),
        expected,
      )
      for (const { owner } of listed) assert.equal(owner.pid, process.pid)
      assert.ok(!JSON.stringify(listed).includes('nonce'))
      await worker.stop({ graceMs: 1000 })
      assert.deepEqual(await driver.list(), [])
    })

    checkOwn('tells what it has used, afterwards too', async (t, subject) => {
      const worker = await start(t, subject, 'tells-who.js')
      await open(worker)
      const { processes = 0, peakMemoryBytes = 0 } = await worker.usage()
      assert.ok(processes >= 1 && peakMemoryBytes > 1024 ** 2)
      await worker.stop({ graceMs: 5000 })
      const used = await worker.usage()
      assert.ok(used.cpuMs !== undefined && used.cpuMs > 0)
      assert.ok((used.peakMemoryBytes ?? 0) >= peakMemoryBytes)
    })

    check('says for each limit what keeps it, or why nothing does', (_, { driver, spec }) => {
      const { launch } = spec('tells-who.js')
      if (launch.kind !== 'local') {
        assert.deepEqual(driver.enforcement(launch), [])
        return Promise.resolve()
      }
      const limits = { memoryBytes: 1, cpus: 1, pids: 1, diskBytes: 1, openFiles: 1 }
      const found = driver.enforcement({ ...launch, limits })
      const names = found.map(({ limit }) => limit).sort()
      assert.deepEqual(names, ['cpus', 'disk', 'memory', 'openFiles', 'pids'])
      for (const each of found) assert.ok((each.by ?? each.why).length > 0)
      assert.deepEqual(driver.enforcement({ ...launch, limits: {} }), [])
      return Promise.resolve()
    })

    check('refuses a server that is not for it', async (_, { driver, wrongSpec }) => {
      const start = async () => driver.start(wrongSpec, never)
      await assert.rejects(start(), hasCode('ERR_WORKERS_DRIVER_UNAVAILABLE'))
    })

    checkOwn('closes nothing but its own worker', async (t, subject) => {
      const one = await start(t, subject, 'tells-who.js')
      const other = await start(t, subject, 'tells-who.js')
      const sessionId = await open(other)
      await one.stop({ graceMs: 1000 })
      assert.deepEqual(await call(other, sessionId, 'echo', { b: 2 }), { b: 2 })
      await assert.rejects(post(one, { jsonrpc: '2.0', id: 1, method: 'ping' }))
    })
  })
}

async function startSpec(t: TestContext, { driver }: Subject, spec: WorkerSpec): Promise<Worker> {
  const worker = await driver.start(spec, never)
  atEnd(t, () => worker.stop({ graceMs: 0 }))
  return worker
}

function cwdOf(spec: WorkerSpec): string {
  assert.equal(spec.kind, 'local')
  return spec.cwd
}

function abortedFor(reason: Error): AbortSignal {
  const controller = new AbortController()
  controller.abort(reason)
  return controller.signal
}

/** For `assert.rejects`. */
export function hasCode(code: GatewayError['code']) {
  return (thrown: unknown): boolean => {
    assert.ok(thrown instanceof GatewayError, String(thrown))
    assert.equal(thrown.code, code, thrown.message)
    return true
  }
}
