import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'

import { handleOf } from '../../src/ground/handle.ts'
import { compiled } from '../support/config.ts'
import { place } from './berth.ts'
import type { Outcome, Place } from './berth.ts'

const planner = compiled('src/demo/trip-planner.js')
const trip = ['destination=Lisbon', 'kind=Beach and sea', 'nights=4', 'book=yes'].flatMap(
  (pair) => ['--answer', pair],
)

async function keep({ berth }: Place, url: string): Promise<{ id: string; kept: Outcome }> {
  const kept = await berth(['call', url, 'whoami', '--keep', '--json'])
  const { sessionId } = JSON.parse(kept.stdout) as { sessionId: string }
  return { id: sessionId, kept }
}

describe('a session that is kept', { concurrency: 3 }, () => {
  it('is gone on with by every command, and keeps its worker and what that remembers', async (t) => {
    const here = place(t)
    const { serve, berth } = here
    const url = (await serve(['--', 'node', planner])).mcp('server')
    const { id, kept } = await keep(here, url)
    assert.deepEqual([kept.code, kept.stderr], [0, ''])

    const booked = await berth(['call', url, 'plan_trip', '--session', id, ...trip])
    assert.match(booked.stdout, /^Booked: TRIP-/)
    const [trips, tools, resources] = await Promise.all([
      berth(['call', url, 'list_trips', '--session', id]),
      berth(['tools', url, '--session', id]),
      berth(['resources', url, '--session', id]),
    ])
    assert.match(trips.stdout, /^TRIP-\w+: Lisbon/)
    assert.match(tools.stdout, /^whoami$/m)
    assert.equal(resources.stderr, 'The server has no resources.\n')
    const fresh = await berth(['call', url, 'list_trips'])
    assert.equal(fresh.stdout, 'No trip is booked.\n')
    const { stdout } = await berth(['sessions'])
    assert.match(stdout, new RegExp(`^${handleOf(id)} +server +live`, 'm'))
  })

  it('is told in words, with the command that goes on with it', async (t) => {
    const { serve, berth } = place(t)
    const url = (await serve(['--', 'node', planner])).mcp('server')
    const { stderr, code } = await berth(['call', url, 'whoami', '--keep'])
    assert.equal(code, 0)
    const says =
      /^The session stays open\. To go on with it:\n {2}npx mcp-berth (call \S+ whoami --session \S+)\n$/
    const [, command = ''] = says.exec(stderr) ?? assert.fail(stderr)
    assert.match((await berth(command.split(' '))).stdout, /^Process \d+, 0 trips booked/)
    const failed = await berth(['call', url, 'whoam', '--keep'])
    assert.equal(failed.code, 1)
    assert.doesNotMatch(failed.stderr, /stays open/)
  })

  it('is remembered without its id, and gone on with where nothing is remembered', async (t) => {
    const here = place(t)
    const { serve, berth, stateDir } = here
    const url = (await serve(['--', 'node', planner])).mcp('server')
    const { id } = await keep(here, url)
    const folder = join(stateDir, 'client', 'sessions')
    const [file = ''] = readdirSync(folder)
    assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600)
    assert.ok(!`${file}${readFileSync(join(folder, file), 'utf8')}`.includes(id))

    rmSync(folder, { recursive: true })
    const [called, prompts] = await Promise.all([
      berth(['call', url, 'plan_trip', '--session', id, ...trip]),
      berth(['prompts', url, '--session', id]),
    ])
    assert.match(called.stdout, /^Booked: TRIP-/)
    assert.deepEqual([prompts.code, prompts.stderr], [0, 'The server has no prompts.\n'])
  })

  it('that has ended is told as such with the reason, and so is one that never was', async (t) => {
    const here = place(t)
    const { serve, berth } = here
    const url = (await serve(['--', 'node', planner])).mcp('server')
    const { id } = await keep(here, url)
    await berth(['sessions', 'stop', id])
    for (const words of [
      ['call', url, 'whoami'],
      ['tools', url],
      ['shell', url],
    ]) {
      const { code, stdout, stderr } = await berth([...words, '--session', id])
      assert.deepEqual([code, stdout], [1, ''])
      assert.match(
        stderr,
        /^mcp-berth: The session has ended at [\d:]+: somebody has stopped it\. Without --session a new one is opened\.\n$/,
      )
    }
    const unknown = await berth(['tools', url, '--session', 'nix'])
    assert.equal(unknown.code, 1)
    assert.match(unknown.stderr, /knows no session nix\. It has ended, or belongs to somebody else/)
    const wrong = await berth(['tools', url, '--session', 'a b'])
    assert.equal(wrong.code, 2)
  })
})
