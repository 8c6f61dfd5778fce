import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'

import { handleOf } from '../../src/ground/handle.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { place } from './berth.ts'
import type { Outcome, Place } from './berth.ts'

const everything = join(
  import.meta.dirname,
  ...['..', '..', '..', 'node_modules', '@modelcontextprotocol', 'server-everything'],
  ...['dist', 'index.js'],
)

const gateway = await startTestGateway(
  { after },
  {
    planner: { command: ['node', compiled('src/demo/trip-planner.js')] },
    everything: { command: ['node', everything] },
    exits: { command: ['node', compiled('test/fixtures/workers/sdk-stdio.js')] },
  },
)

function script(
  { start }: Place,
  url: string,
  lines: string[],
  options: string[] = [],
): Promise<Outcome> {
  const { child, done } = start(['shell', url, ...options])
  child.stdin.end(lines.map((line) => `${line}\n`).join(''))
  return done
}

describe('a shell without a terminal', () => {
  it('does in one session what stands on its stdin, and ends it', async (t) => {
    const here = place(t)
    const url = gateway.mcp('planner')
    const { code, stdout, stderr } = await script(here, url, [
      '# a trip',
      '',
      'call plan_trip --answer destination=Lisbon --answer "kind=Beach and sea" --answer book=yes',
      'call list_trips',
      'call list_trips --json',
    ])
    assert.equal(code, 0, stderr)
    assert.match(stdout, /^Booked: (TRIP-\w+)\n[^]*\n\1: Lisbon, beach and sea[^]*\n\{\n/)
    assert.match(stderr, /^5\/5 Adding up the price$/m)
    await gateway.saw('session.closed', ({ reason }) => reason === 'client-deleted')
    assert.ok(!existsSync(join(here.stateDir, 'client', 'history')))
  })

  it('says which lines failed, goes on, and exits 1', async (t) => {
    const here = place(t)
    const url = gateway.mcp('planner')
    const { code, stdout, stderr } = await script(here, url, [
      'list_trips',
      'cal list_trips',
      'call list_trip',
      'call list_trips "',
      'status now',
      'read x:y',
      'call list_trips',
    ])
    assert.equal(code, 1)
    assert.equal(stdout, 'No trip is booked.\n')
    assert.deepEqual(stderr.trimEnd().split('\n'), [
      'line 1: There is no command list_trips. Did you mean call list_trips?',
      'line 2: There is no command cal. Did you mean call?',
      'line 3: There is no tool list_trip. Did you mean list_trips? The tools are: plan_trip, list_trips, whoami.',
      'line 4: The quote " is not closed.',
      'line 5: now is one word too many. It is: status',
      'line 6: The server trip-planner has no resources.',
    ])
  })

  it('reads resources, gets prompts, and shows the messages of the server', async (t) => {
    const here = place(t)
    const url = gateway.mcp('everything')
    const { code, stdout, stderr } = await script(here, url, [
      'read demo://resource/dynamic/text/7',
      'prompt completable-prompt department=Engineering name=Alice',
      'prompt args-prompt',
      'call get-sum a=2 b=40',
      'call get-sum {"a": "2", "b": 40}',
      'call get-sum b=40',
      'call get-structured-content location="New York"',
      'log',
      'log debug',
      'log loud',
      'call toggle-simulated-logging',
    ])
    assert.equal(code, 1)
    assert.match(stdout, /^Resource 7: This is a plaintext resource/)
    assert.match(stdout, /^user: Please promote Alice to the head of the Engineering team\.$/m)
    assert.match(stdout, /^The sum of 2 and 40 is 42\.$/m)
    assert.match(stdout, /"temperature":/)
    assert.match(stderr, /^line 3: args-prompt needs the argument city\.$/m)
    assert.match(stderr, /^line 5: get-sum does not take \{"a":"2","b":40\}: a must be number\.$/m)
    assert.match(stderr, /^line 6: get-sum needs a: call get-sum b=40 a=1$/m)
    assert.match(stderr, /^The server decides which of its messages come\. Levels: debug, info/m)
    assert.match(stderr, /^The server's messages come from level debug on\.$/m)
    assert.match(stderr, /^line 10: There is no level loud\. There are: debug, /m)
    assert.match(stderr, /^\[\w+\] \w+[- ]level[- ]message$/m)
  })

  it('tells why its session has ended, and can open another one', async (t) => {
    const here = place(t)
    const url = gateway.mcp('exits')
    const { child, done } = here.start(['shell', url])
    child.stdin.write('call exit\n')
    // Only then the gateway knows.
    await gateway.saw('session.closed', ({ server }) => server === 'exits')
    child.stdin.end(['call cancellations', 'new', 'call cancellations', 'end', 'status'].join('\n'))
    const { code, stdout, stderr } = await done
    assert.equal(code, 1)
    assert.equal(stdout, '0\n')
    assert.match(
      stderr,
      /^line 1: The session has ended: .* has ended \(exit code 3\)\. .* logs shows what it wrote\.$/m,
    )
    assert.match(
      stderr,
      /^line 2: The session has ended: the process of its server has ended \(exit code 3\)\. .*new opens/m,
    )
    assert.match(
      stderr,
      /^The session has ended\. new opens another one\.\nline 6: No session is open\. new opens another one\.\n$/m,
    )
  })

  it('leaves a session open that is to be kept, or was not its own', async (t) => {
    const here = place(t)
    const url = gateway.mcp('planner')
    const kept = await script(here, url, ['call whoami'], ['--keep'])
    const [, id = ''] = /shell \S+ --session (\S+)\n$/.exec(kept.stderr) ?? []
    assert.notEqual(id, '', kept.stderr)
    const joined = await script(here, url, ['status --json'], ['--session', id])
    const status = JSON.parse(joined.stdout) as Record<string, unknown>
    assert.deepEqual([status['sessionId'], status['isOlder']], [id, true])
    assert.match(joined.stderr, /^The session stays open\./)
    const ended = await script(here, url, ['end'], ['--session', id])
    assert.deepEqual(
      [ended.code, ended.stderr],
      [0, 'The session has ended. new opens another one.\n'],
    )
    const session = handleOf(id)
    await gateway.saw('session.closed', (news) => news.session === session)
  })
})
