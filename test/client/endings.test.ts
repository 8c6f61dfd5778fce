import assert from 'node:assert/strict'
import { test } from 'node:test'

import { McpError } from '@modelcontextprotocol/sdk/types.js'

import { endingOf, endingText } from '../../src/client/endings.ts'
import { HttpFailure, LinkLost } from '../../src/client/link.ts'

const session = new Headers({ 'mcp-session-id': 'a' })
const gone = (data: Record<string, unknown>): HttpFailure =>
  new HttpFailure(404, { said: 'Session not found.', data }, session)
const textOf = (error: unknown): string | undefined => {
  const ending = endingOf(error)
  return ending && endingText(ending, new URL('http://127.0.0.1/mcp'))
}

test('why a session has ended is told in words, wherever the server says it', () => {
  const cases: [unknown, string | undefined][] = [
    [gone({ reason: 'idle' }), 'The session has ended: it was idle for too long.'],
    [gone({ reason: 'stopped' }), 'The session has ended: somebody has stopped it.'],
    [
      gone({ reason: 'worker-exited', oom: true }),
      'The session has ended: its server had no memory left. mcp-berth logs shows what it wrote.',
    ],
    [gone({ reason: 'of \u001b[2Jits own' }), 'The session has ended: of its own.'],
    [gone({}), 'The session has ended. The server does not say why.'],
    [new LinkLost(gone({ reason: 'idle' })), 'The session has ended: it was idle for too long.'],
    [
      new McpError(-32001, 'Bad Gateway', { code: 'ERR_SESSIONS_ENDED', reason: 'drained' }),
      'The session has ended: the gateway was stopped.',
    ],
    [
      gone({ reason: 'worker-exited' }),
      'The session has ended: the process of its server has ended. mcp-berth logs shows what it wrote.',
    ],
    [
      new McpError(-32603, 'The server ended (exit code 3) before it answered.'),
      'The session has ended: the process of its server has ended (exit code 3). mcp-berth logs shows what it wrote.',
    ],
    [
      new HttpFailure(502, { said: 'The server has ended (killed by SIGKILL).' }, session),
      'The session has ended: the process of its server has ended (killed by SIGKILL). mcp-berth logs shows what it wrote.',
    ],
    [new HttpFailure(502, { said: 'The server ended.' }, session), undefined],
    [new HttpFailure(404, {}, new Headers()), undefined],
    [new HttpFailure(503, { data: { reason: 'full' } }, session), undefined],
    [new McpError(-32602, 'No such tool'), undefined],
    [new Error('else'), undefined],
  ]
  for (const [error, text] of cases) assert.equal(textOf(error), text)
})

test('what the worker wrote is only hinted at where the gateway may be the own one', () => {
  const ending = endingOf(gone({ reason: 'worker-exited' }))
  assert.ok(ending)
  assert.match(endingText(ending, new URL('http://localhost:8080/mcp')), /mcp-berth logs shows/)
  assert.doesNotMatch(endingText(ending, new URL('https://berth.example/mcp')), /logs/)
})

test('the time of the end is told, with the day if it is not today', () => {
  const at = (endedAt: string): string | undefined =>
    textOf(new HttpFailure(404, { data: { reason: 'idle', endedAt } }, session))
  assert.match(at(new Date().toISOString()) ?? '', /^The session ended at \d\d:\d\d:\d\d: it/)
  assert.match(at('2020-03-04T12:00:00Z') ?? '', /^The session ended at 2020-03-0\d \d\d:/)
})
