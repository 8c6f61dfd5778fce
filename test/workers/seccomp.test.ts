import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import type { TestContext } from 'node:test'
import { text } from 'node:stream/consumers'

import { seccompFilter } from '../../src/workers/sandbox/seccomp.ts'
import { compiled } from '../support/config.ts'
import { need } from '../support/needs.ts'
import { pythonCalls, pythonOrdinary } from '../support/python.ts'
import { tempDir } from '../support/temp.ts'
import { refusedCalls } from './seccomp-calls.ts'

const eperm = 1
const enosys = 38
const sigsys = 31
const sigsegv = 11
const namespaces = ['--unshare-user', '--unshare-pid', '--die-with-parent', '--ro-bind', '/', '/']
const program = seccompFilter(process.arch)
const column = process.arch === 'x64' ? 0 : 1
const skip = program === undefined && `no seccomp profile for ${process.arch}`

type Calls = Record<string, number[]>

suite('under the seccomp filter', { concurrency: 2, skip }, () => {
  test('Node does what it does elsewhere', async (t) => {
    const tools = findTools(t)
    if (tools === undefined) return
    const folder = tempDir(t)
    const words = [process.execPath, compiled('test/fixtures/ordinary-program.js'), folder]
    const ran = await confined(t, tools, { words, folder })
    assert.deepEqual(ran, { code: 0, lines: 'threads programs files watching sockets'.split(' ') })
  })

  test('Python does what it does elsewhere', async (t) => {
    const tools = findTools(t)
    if (tools === undefined) return
    const folder = tempDir(t)
    const ran = await confined(t, tools, { words: [tools.python, pythonOrdinary, folder], folder })
    const works = 'threads processes programs files database sockets signals'
    assert.deepEqual(ran, { code: 0, lines: works.split(' ') })
  })

  test('npm runs a script of a package', async (t) => {
    const tools = findTools(t)
    if (tools === undefined) return
    const folder = tempDir(t)
    const scripts = { hello: 'echo one | cat && node -p 1+1' }
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ scripts }))
    const npm = ['npm', '--prefix', folder, '--cache', folder, 'run', '--silent', 'hello']
    assert.deepEqual(await confined(t, tools, { words: npm, folder }), {
      code: 0,
      lines: ['one', '2'],
    })
  })

  test('the calls that no container may make fail with EPERM', async (t) => {
    const tools = findTools(t)
    if (tools === undefined) return
    // Arguments that are wrong everywhere: should one get through, nothing happens.
    const calls: Calls = {}
    for (const [name, numbers] of Object.entries(refusedCalls)) {
      const number = numbers[column]
      if (number !== undefined) calls[name] = [number, -1, -1, -1, -1, -1]
    }
    const ends = await makeCalls(t, tools, { calls })
    assert.deepEqual(ends, everyOne(calls, eperm))
  })

  test('calls are refused by what they ask for, and not refused without the filter', async (t) => {
    const tools = findTools(t)
    if (tools === undefined) return
    const clone3 = 435
    const [clone, socket, personality] = column === 0 ? [56, 41, 135] : [220, 198, 92]
    const [newUser, sigchld] = [0x10000000, 17]
    const calls: Calls = {
      userNamespace: [clone, newUser | sigchld, 0, 0, 0, 0],
      vsock: [socket, 40, 1, 0],
      noRandomAddresses: [personality, 0x40000],
      clone3: [clone3, 0, 0],
      mount: refused('mount', -1, -1, -1, 0, 0),
      setns: refused('setns', -1, 0),
      keyctl: refused('keyctl', -1),
      chroot: refused('chroot', -1),
      unixSocket: [socket, 1, 1, 0],
      notThereYet: [2000, 0],
    }
    const others = { unixSocket: 0, clone3: enosys, notThereYet: enosys }
    const ends = await makeCalls(t, tools, { calls })
    assert.deepEqual(ends, { ...everyOne(calls, eperm), ...others })

    // How the kernel itself finds them wrong; the first two depend on how it is built and set up.
    const { userNamespace, vsock, ...alike } = calls
    assert.deepEqual(await makeCalls(t, tools, { calls: alike, filter: false }), {
      noRandomAddresses: 0,
      clone3: 22,
      mount: 14,
      setns: 9,
      keyctl: 95,
      chroot: 14,
      unixSocket: 0,
      notThereYet: enosys,
    })
  })

  const skipInt80 = process.arch !== 'x64' && 'only x86-64 has two ways to call'
  test('a call in the way of 32-bit programs is the end', { skip: skipInt80 }, async (t) => {
    const tools = findTools(t)
    if (tools === undefined) return
    const ends = await makeCalls(t, tools, { calls: { int80: [0, 0], x32: [0x40000000 + 39, 0] } })
    // Where the kernel runs no 32-bit programs at all, it has said so first.
    assert.ok(ends['int80'] === -sigsys || ends['int80'] === -sigsegv, `${ends['int80']}`)
    assert.equal(ends['x32'], enosys)
  })
})

function everyOne(calls: Calls, errno: number): Record<string, number> {
  return Object.fromEntries(Object.keys(calls).map((name) => [name, errno]))
}

function refused(name: string, ...args: number[]): number[] {
  return [refusedCalls[name]![column]!, ...args]
}

interface Tools {
  bwrap: string
  python: string
}

/** Undefined when the test was skipped. */
function findTools(t: TestContext): Tools | undefined {
  const bwrap = need(t, 'bubblewrap')
  if (bwrap === undefined) return undefined
  const tried = spawnSync(bwrap, [...namespaces, '--', 'true'], { encoding: 'utf8' })
  if (tried.status !== 0) {
    t.skip(`bwrap can make no namespaces here: ${tried.stderr.trim()}`)
    return undefined
  }
  const python = need(t, 'python3')
  return python === undefined ? undefined : { bwrap, python }
}

/** Name of a call → how it ended. */
async function makeCalls(
  t: TestContext,
  tools: Tools,
  { calls, filter = true }: { calls: Calls; filter?: boolean },
): Promise<Record<string, number>> {
  const words = [tools.python, pythonCalls, JSON.stringify(calls)]
  const { lines } = await confined(t, tools, { words, filter })
  return JSON.parse(lines[0]!) as Record<string, number>
}

async function confined(
  t: TestContext,
  { bwrap }: Tools,
  options: { words: string[]; folder?: string; filter?: boolean },
): Promise<{ code: number | null; lines: string[] }> {
  const { words, folder, filter = true } = options
  const file = join(tempDir(t), 'filter')
  writeFileSync(file, program!)
  const descriptor = openSync(file, 'r')
  const args = [
    ...namespaces,
    ...['--dev', '/dev', '--proc', '/proc', ...(folder ? ['--bind', folder, folder] : [])],
    ...(filter ? ['--seccomp', '3'] : []),
  ]
  const env: NodeJS.ProcessEnv = { PATH: process.env['PATH'] }
  if (folder !== undefined) env['HOME'] = folder
  const child = spawn(bwrap, [...args, '--', ...words], {
    stdio: ['ignore', 'pipe', 'inherit', descriptor],
    env,
  })
  closeSync(descriptor)
  const [stdout, [code]] = await Promise.all([
    text(child.stdout!),
    once(child, 'close') as Promise<[number | null]>,
  ])
  return { code, lines: stdout.trim().split('\n') }
}
