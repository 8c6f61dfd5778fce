import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { SessionView } from '../../src/cli/session-lines.ts'
import { sessionTable } from '../../src/cli/session-lines.ts'

const view = (handle: string, server: string, parent?: string): SessionView => ({
  handle,
  server,
  principal: 'anonymous',
  state: 'live',
  workerId: '0123456789abcdef',
  openedAt: new Date().toISOString(),
  maxEndsAt: new Date().toISOString(),
  openExchanges: 0,
  ...(parent === undefined ? {} : { parent }),
})

test("the sessions of a bundle's members stand below its own, and those that lost it stand alone", () => {
  const table = sessionTable([
    view('aaaa', 'team'),
    view('bbbb', 'other'),
    view('cccc', 'github', 'aaaa'),
    view('dddd', 'time', 'gone'),
  ])
  assert.deepEqual(
    table.slice(1).map((line) => /^(└ )?\w+/.exec(line)?.[0]),
    ['aaaa', '└ cccc', 'bbbb', 'dddd'],
  )
})
