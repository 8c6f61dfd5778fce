import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'

import { handleOf } from '../../src/ground/handle.ts'
import { askAdmin } from '../support/admin.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { place } from './berth.ts'
import type { Outcome, Place } from './berth.ts'

const command: [string, string] = ['node', compiled('src/demo/trip-planner.js')]
const gateway = await startTestGateway({ after }, { planner: { command } })
const url = gateway.mcp('planner')
const trip = ['destination=Lisbon', 'kind=Beach and sea', 'nights=4', 'book=yes'].flatMap(
  (pair) => ['--answer', pair],
)

async function keep({ berth }: Place): Promise<{ id: string; kept: Outcome }> {
  const kept = await berth(['call', url, 'whoami', '--keep', '--json'])
  const { sessionId } = JSON.parse(kept.stdout) as { sessionId: string }
  return { id: sessionId, kept }
}

describe('a session that is kept', () => {
  it('is gone on with by every command, and keeps its worker and what that remembers', async (t) => {
    const here = place(t)
    const { id, kept } = await keep(here)
    assert.deepEqual([kept.code, kept.stderr], [0, ''])
    const booked = await here.berth(['call', url, 'plan_trip', '--session', id, ...trip])
    assert.match(booked.stdout, /^Booked: TRIP-/)
    const [trips, tools, resources] = await Promise.all([
      here.berth(['call', url, 'list_trips', '--session', id]),
      here.berth(['tools', url, '--session', id]),
      here.berth(['resources', url, '--session', id]),
    ])
    assert.match(trips.stdout, /^TRIP-\w+: Lisbon/)
    assert.match(tools.stdout, /^whoami$/m)
    assert.equal(resources.stderr, 'The server has no resources.\n')
    const mine = gateway.seen('session.live').filter(({ session }) => session === handleOf(id))
    assert.equal(mine.length, 1, 'nothing was initialized again')
    assert.ok(!gateway.seen('session.closed').some(({ session }) => session === handleOf(id)))
  })

  it('is told in words, with the command that goes on with it', async (t) => {
    const { berth } = place(t)
    const { stderr, code } = await berth(['call', url, 'whoami', '--keep'])
    assert.equal(code, 0)
    const says =
      /^The session stays open\. To go on with it:\n {2}\S.* (call \S+ whoami --session \S+)\n$/
    const [, command = ''] = says.exec(stderr) ?? assert.fail(stderr)
    assert.match((await berth(command.split(' '))).stdout, /^Process \d+, 0 trips booked/)
    const booked = await berth(['call', url, 'plan_trip', '--keep', ...trip, '--args', '{"x": 1}'])
    assert.match(booked.stderr, /call \S+ plan_trip --args '\{"x": 1\}' --session \S+\n$/)
    const failed = await berth(['call', url, 'whoam', '--keep'])
    assert.equal(failed.code, 1)
    assert.doesNotMatch(failed.stderr, /stays open/)
  })

  it('is remembered without its id, and gone on with where nothing is remembered', async (t) => {
    const here = place(t)
    const { id } = await keep(here)
    const folder = join(here.stateDir, 'client', 'sessions')
    const [file = ''] = readdirSync(folder)
    assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600)
    assert.ok(!`${file}${readFileSync(join(folder, file), 'utf8')}`.includes(id))

    rmSync(folder, { recursive: true })
    const [called, prompts] = await Promise.all([
      here.berth(['call', url, 'plan_trip', '--session', id, ...trip]),
      here.berth(['prompts', url, '--session', id]),
    ])
    assert.match(called.stdout, /^Booked: TRIP-/)
    assert.deepEqual([prompts.code, prompts.stderr], [0, 'The server has no prompts.\n'])
  })

  it('that has ended is told as such with the reason, and so is one that never was', async (t) => {
    const here = place(t)
    const { id } = await keep(here)
    await askAdmin(gateway, `/api/sessions/${handleOf(id)}`, { method: 'DELETE' })
    const commands = [
      ['call', url, 'whoami'],
      ['shell', url],
    ]
    for (const words of commands) {
      const { code, stdout, stderr } = await here.berth([...words, '--session', id])
      assert.deepEqual([code, stdout], [1, ''])
      assert.match(
        stderr,
        /^mcp-berth: The session ended at [\d:]+: somebody has stopped it\. Without --session a new one is opened\.\n$/,
      )
    }
    const unknown = await here.berth(['tools', url, '--session', 'nix'])
    assert.equal(unknown.code, 1)
    assert.match(unknown.stderr, /knows no session nix\. It has ended, or belongs to somebody else/)
    const short = await here.berth(['tools', url, '--session', handleOf(id)])
    assert.equal(short.code, 1)
    const says = 'is the short id that mcp-berth sessions shows. --session takes the Mcp-Session-Id'
    assert.ok(short.stderr.includes(`${handleOf(id)} is the short id that `), short.stderr)
    assert.ok(short.stderr.includes(says.slice(says.indexOf('--session'))), short.stderr)
    const wrong = await here.berth(['tools', url, '--session', 'a b'])
    assert.equal(wrong.code, 2)
  })
})
