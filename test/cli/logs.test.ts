import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { handleOf } from '../../src/ground/handle.ts'
import { compiled } from '../support/config.ts'
import { connectClient } from '../support/mcp-client.ts'
import { main, place } from './berth.ts'
import type { Place } from './berth.ts'

/** A server that writes forty lines when it starts, and a last word when it is asked to end. */
const talkative = `
for (let n = 1; n <= 40; n++) console.error('line ' + n)
await import(${JSON.stringify(compiled('src/demo/trip-planner.js'))})
process.removeAllListeners('SIGTERM')
process.stdin.removeAllListeners('end')
setInterval(() => undefined, 1000)
process.once('SIGTERM', () => process.stderr.write('going\\u001b[2J\\n', () => process.exit(0)))
`

describe('logs', { concurrency: 3 }, () => {
  it('prints what a worker wrote, for a pipe, for a script and for a terminal', async (t) => {
    const { here, stateHome, handle, open } = await talking(t)
    const [newest, last, json] = await Promise.all([
      here.berth(['logs']),
      here.berth(['logs', handle, '-n', '2']),
      here.berth(['logs', handle, '--lines', '1', '--json']),
    ])
    const lines = Array.from({ length: 40 }, (_, index) => `line ${index + 1}\n`)
    assert.deepEqual(newest, { code: 0, stdout: lines.join(''), stderr: '' })
    assert.equal(last.stdout, 'line 39\nline 40\n')
    assert.equal(json.stdout, '{"line":"line 40"}\n')
    assert.equal(await headOf(here, stateHome), 'line 1\n')
    await open.terminate()
    const ended = await here.berth(['logs', handle, '-n', '2', '-f'])
    assert.deepEqual(ended, { code: 0, stdout: 'line 40\ngoing\u001b[2J\n', stderr: '' })

    // What it could do to a terminal is kept from it.
    const { stdout } = (await here.atTerminal(['logs', handle])?.done) ?? {}
    if (stdout !== undefined) assert.match(stdout, /\r\nline 40\r\ngoing\r\n$/)
  })

  it('follows, and ends when the session does, last words included', async (t) => {
    const { here, handle } = await talking(t)
    const following = here.start(['logs', '-f', handle])
    await following.says(/^line 40$/m)
    await here.berth(['sessions', 'stop', handle])
    const { code, stdout } = await following.done
    assert.equal(code, 0)
    assert.match(stdout, /\nline 40\ngoing\u001b\[2J\n$/)
  })

  it('follows until Ctrl-C, and says nothing of it', async (t) => {
    const { here, handle } = await talking(t)
    const following = here.start(['logs', '-f', handle])
    await following.says(/^line 40$/m)
    following.child.kill('SIGINT')
    const { code, stderr } = await following.done
    assert.deepEqual([code, stderr], [0, ''])
  })

  it('tells why a worker that wrote nothing never started, which a failed call points to', async (t) => {
    const { put, serve, berth } = place(t)
    put('berth.yaml', 'servers:\n  gone:\n    command: ./nowhere\n')
    const serving = await serve(['--config', 'berth.yaml'])
    const failed = await berth(['call', serving.mcp('gone'), 'x'])
    assert.equal(failed.code, 1)
    assert.match(
      failed.stderr,
      / logs shows why, .* sessions show ID \(.* sessions --all has the ID\)\./,
    )
    const { code, stdout, stderr } = await berth(['logs'])
    assert.deepEqual([code, stdout], [0, ''])
    assert.match(
      stderr,
      /^The worker of session \w{8} has written nothing\. The session has ended \(start-failed\): .*could not be started/,
    )
  })

  it('says so when there was no session yet', async (t) => {
    const { serve, berth } = place(t)
    await serve(['--', 'node'])
    const { code, stdout, stderr } = await berth(['logs'])
    assert.deepEqual([code, stdout], [1, ''])
    assert.equal(stderr, 'There was no session yet, and so there is no output.\n')
  })
})

/** What `mcp-berth logs | head -n 1` says, complaints included. */
async function headOf({ folder }: Place, stateHome: string): Promise<string> {
  const words = ['-c', '"$@" | head -n 1', 'sh', process.execPath, main, 'logs']
  const env = { ...process.env, XDG_STATE_HOME: stateHome }
  const child = spawn('sh', words, { cwd: folder, env })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
  }
  await once(child, 'close')
  return said
}

interface Talking {
  here: Place
  stateHome: string
  handle: string
  open: Awaited<ReturnType<typeof connectClient>>
}

async function talking(t: TestContext): Promise<Talking> {
  const here = place(t)
  here.put('talkative.mjs', talkative)
  const serving = await here.serve(['--', 'node', 'talkative.mjs'])
  const open = await connectClient(t, serving.mcp('server'))
  const stateHome = here.stateDir.slice(0, -'/berth'.length)
  return { here, stateHome, handle: handleOf(open.sessionId!), open }
}
