import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readlinkSync } from 'node:fs'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

import { findProcesses, processesLeft } from '../../src/demo/witness.ts'
import type { WorkerIdentity } from '../../src/demo/witness.ts'

const tell = `
  let pidNamespace = null
  try { pidNamespace = require('node:fs').readlinkSync('/proc/self/ns/pid') } catch {}
  console.log(JSON.stringify({ pid: process.pid, pidNamespace }))
  process.stdin.resume()
`
const unshare = ['unshare', '--user', '--map-current-user', '--pid', '--fork', '--kill-child=KILL']
const inNamespace = [...unshare, '--mount-proc']

async function startWorker(
  t: TestContext,
  prefix: string[],
): Promise<{ identity: WorkerIdentity; pid: number | undefined; kill: () => Promise<unknown> }> {
  const [command, ...args] = [...prefix, process.execPath, '-e', tell]
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const kill = (): Promise<unknown> => {
    child.kill('SIGKILL')
    return exited
  }
  t.after(kill)
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { identity: JSON.parse(line.toString()) as WorkerIdentity, pid: child.pid, kill }
}

test('a worker among our own processes is found, and then known to be gone', async (t) => {
  const { identity, pid, kill } = await startWorker(t, [])
  const { server, all } = findProcesses(identity)
  assert.deepEqual([server, all.map((one) => one.pid)], [pid, [pid]])
  assert.deepEqual(await processesLeft(all, 0), [pid])
  await kill()
  assert.deepEqual(await processesLeft(all, 5000), [])
})

test('a worker in a PID namespace is found by the number that it has here', async (t) => {
  const [command, ...args] = [...inNamespace, 'true']
  if (spawnSync(command, args).status !== 0) {
    t.skip('unshare cannot make a PID namespace here')
    return
  }
  const { identity, kill } = await startWorker(t, inNamespace)
  assert.equal(identity.pid, 1)
  const { server, all } = findProcesses(identity)
  assert.ok(server !== undefined && server !== 1)
  assert.deepEqual(
    all.map(({ pid }) => pid),
    [server],
  )
  assert.equal(readlinkSync(`/proc/${server}/ns/pid`), identity.pidNamespace)
  await kill()
  assert.deepEqual(await processesLeft(all, 5000), [])
})

test('who comes after a worker and has its number is not taken for it', async (t) => {
  const { identity, kill } = await startWorker(t, [])
  const { all } = findProcesses(identity)
  await kill()
  const neighbour = await startWorker(t, [])
  const sameNumber = all.map((one) => ({ ...one, pid: neighbour.identity.pid }))
  assert.deepEqual(await processesLeft(sameNumber, 0), [])
})

test('a worker that cannot be seen from here is not taken for another one', () => {
  const elsewhere = { pid: process.pid, pidNamespace: 'pid:[1]' }
  assert.deepEqual(findProcesses(elsewhere), { server: undefined, all: [] })
})
