import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { readIdentities, removeIdentities } from '../../src/ground/identity-files.ts'
import { tempDir } from '../support/temp.ts'

test('what killed gateways have left behind is removed, and nothing else', (t) => {
  const folder = tempDir(t)
  for (const pid of [7, 8]) {
    writeFileSync(join(folder, `${pid}.json`), JSON.stringify({ pid, startTime: `${pid}00` }))
  }
  removeIdentities(folder, ({ startTime }) => startTime === '700')
  assert.deepEqual(
    readIdentities(folder).map(({ pid }) => pid),
    [8],
  )
  removeIdentities(join(folder, 'none'), () => true)
})
