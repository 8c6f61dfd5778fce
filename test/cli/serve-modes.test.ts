import assert from 'node:assert/strict'
import { chmodSync, lstatSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { join, relative } from 'node:path'
import { test } from 'node:test'

import { compiled } from '../support/config.ts'
import { connectClient } from '../support/mcp-client.ts'
import { place } from './berth.ts'

const planner = ['--', 'node', compiled('src/demo/trip-planner.js')]

for (const umask of [0, 0o777]) {
  test(`what serve makes is for its user alone, with umask ${umask.toString(8)}`, async (t) => {
    const { serve, stateDir } = place(t)
    const before = process.umask(umask)
    const starting = serve(planner)
    process.umask(before)
    const serving = await starting
    await connectClient(t, serving.mcp('server'))
    const found = readdirSync(stateDir, { recursive: true, withFileTypes: true })
    assert.ok(found.length > 10, 'it has made something')
    for (const entry of found) {
      const path = join(entry.parentPath, entry.name)
      const mode = lstatSync(path).mode & 0o777
      const said = `${relative(stateDir, path)}: ${mode.toString(8)}`
      if (entry.isDirectory()) assert.equal(mode, 0o700, said)
      else assert.deepEqual([mode & 0o077, mode & 0o400], [0, 0o400], said)
    }
    serving.child.kill('SIGTERM')
    await serving.done
  })
}

test('serve does not start on a state directory of others, and says what to run', async (t) => {
  const { berth, stateDir } = place(t)
  const refused = async (): Promise<string> => {
    const { code, stderr } = await berth([
      'serve',
      '--listen-port',
      '0',
      '--admin-port',
      '0',
      ...planner,
    ])
    assert.notEqual(code, 0)
    return stderr
  }
  mkdirSync(stateDir, { recursive: true })
  chmodSync(stateDir, 0o777)
  assert.match(await refused(), /others may write in .*chmod go-w \S+\/berth/)
  chmodSync(stateDir, 0o700)
  symlinkSync('/tmp', join(stateDir, 'gateways'))
  assert.match(await refused(), /gateways is a link.*Run: rm \S+\/gateways/)
})
