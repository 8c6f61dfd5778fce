import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { handleOf } from '../../src/ground/handle.ts'
import { writeIdentity } from '../../src/ground/identity-files.ts'
import { compiled } from '../support/config.ts'
import { connectClient } from '../support/mcp-client.ts'
import { place } from './berth.ts'

const planner = compiled('src/demo/trip-planner.js')
const crash = 'for (let n = 1; n < 30; n++) console.error("line " + n); process.exit(7)'

describe('sessions', { concurrency: 3 }, () => {
  it('lists, shows and stops what runs, by handle, its beginning, or the id itself', async (t) => {
    const { serve, berth } = place(t)
    const serving = await serve(['--', 'node', planner])
    const none = await berth(['sessions'])
    assert.deepEqual([none.code, none.stdout], [0, ''])
    assert.match(none.stderr, new RegExp(`^No session is open at ${serving.url}\\. With --all `))

    const one = await connectClient(t, serving.mcp('server'), {
      elicitation: () => ({ action: 'cancel' }),
    })
    await one.call('plan_trip')
    const handle = handleOf(one.sessionId!)
    const [list, json, show] = await Promise.all([
      berth(['sessions']),
      berth(['sessions', 'list', '--json']),
      berth(['sessions', 'show', handle.slice(0, 6)]),
    ])
    const [head, row, ...more] = list.stdout.trimEnd().split('\n')
    assert.match(head!, /^ID +SERVER +STATE +PRINCIPAL +CLIENT +PID +AGE +OPEN +IDLE END$/)
    assert.match(
      row!,
      new RegExp(
        `^${handle} +server +live +anonymous +berth-tests\\S* .* \\d+ +\\d+ s +0 +in 15 min$`,
      ),
    )
    assert.deepEqual(more, [])
    const [view] = JSON.parse(json.stdout) as Record<string, unknown>[]
    assert.deepEqual([view?.['handle'], view?.['state']], [handle, 'live'])
    assert.match(show.stdout, /^so far +1 calls, 1 elicitations, 0 samplings, 0 progress$/m)
    assert.match(show.stdout, /^protocol +2025-11-25$/m)
    const used = /^used +\d+\.\d\d s of CPU, at most [\d.]+MiB of memory, 1 process, /m
    if (process.platform === 'linux') assert.match(show.stdout, used)
    for (const { stdout } of [list, json, show]) assert.ok(!stdout.includes(one.sessionId!))

    const stopped = await berth(['sessions', 'stop', one.sessionId!])
    assert.deepEqual(stopped, { code: 0, stdout: '', stderr: `Stopped ${handle}.\n` })
    await assert.rejects(one.call('list_trips'), /Session not found/)
    const [ended, all, again, unknown] = await Promise.all([
      berth(['sessions', 'show', handle]),
      berth(['sessions', '-a']),
      berth(['sessions', 'list', '--json']),
      berth(['sessions', 'stop', 'ffffffff']),
    ])
    assert.match(ended.stdout, /^ended +stopped, 20\d\d-/m)
    if (process.platform === 'linux') assert.match(ended.stdout, used)
    assert.match(all.stdout, new RegExp(`^${handle} +server +closed \\(stopped\\)`, 'm'))
    assert.deepEqual(again.stdout, '[]\n')
    assert.deepEqual(
      [unknown.code, unknown.stderr],
      [1, 'mcp-berth: There is no session ffffffff.\n'],
    )
  })

  it('tells of a failed start the command, the exit code and the last lines', async (t) => {
    const { put, serve, berth } = place(t)
    put('crash.mjs', crash)
    put('mcp.json', {
      mcpServers: {
        http: { command: 'node', args: ['crash.mjs', '--token', 'abc'], transport: 'http' },
        missing: { command: 'no-such-command' },
      },
    })
    const serving = await serve([])
    for (const server of ['http', 'missing']) {
      await assert.rejects(connectClient(t, serving.mcp(server)))
      await serving.says(new RegExp(`"server":"${server}","reason":"start-failed"`))
    }
    const shown = await Promise.all(
      [0, 1].map(async (index) => {
        const { stdout } = await berth(['sessions', '--all', '--json'])
        const { handle } = (JSON.parse(stdout) as { handle: string }[])[index]!
        return (await berth(['sessions', 'show', handle])).stdout
      }),
    )
    const [crashed = '', missing = ''] = shown
    assert.match(crashed, /^ended +start-failed, /m)
    assert.match(crashed, /^because +The command node crash\.mjs --token … exited \(exit code 7\)/m)
    assert.match(crashed, /^command +node crash\.mjs --token …$/m)
    assert.match(crashed, /^exit code +7$/m)
    const lines = Array.from({ length: 20 }, (_, index) => `  line ${index + 10}\n`)
    assert.ok(crashed.endsWith(`last lines of its output:\n${lines.join('')}`), crashed)
    assert.match(
      missing,
      /^because +The command no-such-command could not be started: it is not in/m,
    )
  })

  it('shows no control codes of a client', async (t) => {
    const { serve, berth } = place(t)
    const serving = await serve(['--', 'node', planner])
    const client = new Client({ name: 'ev\u001b[2Jil\nline', version: '1' })
    t.after(() => client.close())
    await client.connect(new StreamableHTTPClientTransport(new URL(serving.mcp('server'))))
    const list = await berth(['sessions'])
    const show = await berth(['sessions', 'show', list.stdout.split('\n')[1]!.slice(0, 8)])
    for (const { stdout } of [list, show]) {
      assert.match(stdout, /evil line/)
      assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f]/)
    }
  })

  it('says so when no gateway runs, or several do', async (t) => {
    const { serve, berth, stateDir } = place(t)
    // A gateway that was killed, and whose pid is another's by now.
    const gateways = join(stateDir, 'gateways')
    mkdirSync(gateways, { recursive: true, mode: 0o700 })
    writeIdentity(gateways, {
      ...{ bootId: 'x', pid: process.pid, startTime: 'earlier', pidNamespace: '' },
      ...{ url: 'http://127.0.0.1:9', adminUrl: 'http://127.0.0.1:9', token: 'x' },
    })
    for (const args of [['sessions'], ['sessions', 'show', 'x'], ['logs'], ['logs', 'x', '-f']]) {
      const { code, stdout, stderr } = await berth(args)
      assert.deepEqual([code, stdout], [2, ''])
      assert.ok(
        stderr.startsWith(
          `mcp-berth: No gateway runs with the state directory ${stateDir}. Start one with mcp-berth serve, or name its --state-dir.\n`,
        ),
        stderr,
      )
    }
    const [one, other] = await Promise.all([
      serve(['--', 'node', planner]),
      serve(['--', 'node', planner]),
    ])
    await connectClient(t, other.mcp('server'))
    const [vague, first, second, wrong] = await Promise.all([
      berth(['sessions']),
      berth(['sessions', '--json', '--gateway', one.url]),
      berth(['sessions', '--json', '--gateway', `${new URL(other.url).host}/`]),
      berth(['sessions', '--gateway', 'http://127.0.0.1:1']),
    ])
    assert.equal(vague.code, 2)
    assert.match(
      vague.stderr,
      /Several gateways run: http\S+, http\S+\. Say which with --gateway URL/,
    )
    assert.equal(first.stdout, '[]\n')
    assert.equal((JSON.parse(second.stdout) as unknown[]).length, 1)
    assert.match(wrong.stderr, /No gateway http:\/\/127\.0\.0\.1:1 runs with the state directory/)
    assert.match(wrong.stderr, /These do: http\S+, http\S+\.\n/)
  })

  it('is used wrongly with a sentence', async (t) => {
    const { berth } = place(t)
    for (const [args, says] of [
      [['sessions', 'kill', 'x'], /sessions can list, show and stop, not kill/],
      [['sessions', 'show'], /Which session\? mcp-berth sessions lists them/],
      [['sessions', 'list', 'a', 'b'], /b is one word too many/],
      [['sessions', '--', 'x'], /sessions takes nothing after --/],
      [['logs', '-n', 'some'], /--lines takes a number of lines, not some/],
    ] as const) {
      const { code, stderr } = await berth([...args])
      assert.equal(code, 2)
      assert.match(stderr, says)
    }
  })
})
