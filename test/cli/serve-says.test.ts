import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { compiled } from '../support/config.ts'
import { connectClient } from '../support/mcp-client.ts'
import { place } from './berth.ts'

describe('serve', { concurrency: 3 }, () => {
  it('notes a command that is missing, and goes on with the others', async (t) => {
    const { put, serve } = place(t)
    put('mcp.json', {
      mcpServers: {
        missing: { command: 'no-such-command' },
        planner: { command: 'node', args: [compiled('src/demo/trip-planner.js')] },
      },
    })
    const serving = await serve([])
    assert.match(
      serving.said(),
      /^note: The server missing is started with no-such-command, but it is not in PATH\./m,
    )
    await assert.rejects(connectClient(t, serving.mcp('missing')), /ERR_WORKERS_SPAWN/)
    await connectClient(t, serving.mcp('planner'))
  })

  it('logs a JSON line for each event where there is no terminal', async (t) => {
    const { serve } = place(t)
    const serving = await serve(['--', 'node', compiled('src/demo/trip-planner.js')])
    const { call, terminate } = await connectClient(t, serving.mcp('server'), {
      elicitation: ({ message }) =>
        message.includes('go') ? accept({ destination: 'Rome' }) : { action: 'decline' },
      sampling: () => 'Eat.',
    })
    await call('plan_trip', {}, { onProgress: () => undefined })
    await terminate()
    await serving.says(/session\.closed/)
    serving.child.kill('SIGTERM')
    const { stdout, stderr } = await serving.done
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const names = lines.map(({ msg }) => msg)
    assert.deepEqual(
      [...new Set(names)],
      [
        'session.opened',
        'worker.started',
        'session.live',
        'elicitation.requested',
        'elicitation.answered',
        'progress.reported',
        'sampling.requested',
        'sampling.answered',
        'worker.exited',
        'session.closed',
      ],
    )
    assert.equal(names.filter((name) => name === 'elicitation.requested').length, 5)
    for (const { level, time, session, server } of lines) {
      assert.deepEqual([level, server], ['info', 'server'])
      assert.match(String(session), /^[0-9a-f]{8}$/)
      assert.ok(Date.parse(String(time)) > 0)
    }
    const { counts, reason, durationMs, usage } = lines.at(-1)!
    assert.deepEqual(counts, { calls: 1, elicitations: 5, samplings: 1, progress: 5 })
    assert.deepEqual([reason, typeof durationMs], ['client-deleted', 'number'])
    if (process.platform === 'linux') {
      const { cpuMs, peakMemoryBytes } = usage as { cpuMs: number; peakMemoryBytes: number }
      assert.ok(cpuMs > 0 && peakMemoryBytes > 0)
    }
    assert.doesNotMatch(stderr, /\u001b/)
  })

  it('tells where it listens beside what it is known as', async (t) => {
    const { put, serve, berth } = place(t)
    put('berth.yaml', {
      listen: { publicUrl: 'https://mcp.example.com/berth' },
      mcpServers: { planner: { command: 'node', args: ['x.js'] } },
    })
    const serving = await serve(['--state-dir', 'own state'])
    const said = serving.said()
    assert.ok(said.includes(`${serving.url}, known as https://mcp.example.com/berth, with `), said)
    assert.match(said, /^https:\/\/mcp\.example\.com\/berth\/servers\/planner\/mcp and /m)
    assert.ok(said.includes(`mcp-berth tools ${serving.url}/servers/planner/mcp`), said)
    const [, stateDir = ''] = /sessions --state-dir '(.*own state)' /.exec(said) ?? []
    const listed = await berth(['sessions', '--json', '--state-dir', stateDir])
    assert.deepEqual(listed, { code: 0, stdout: '[]\n', stderr: '' })
    assert.ok(readFileSync(`${stateDir}/installation`, 'utf8'))
  })
})

function accept(content: Record<string, string>) {
  return { action: 'accept' as const, content }
}
