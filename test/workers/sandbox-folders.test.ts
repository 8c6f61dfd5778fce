import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import type { TestContext } from 'node:test'

import { eventually } from '../support/eventually.ts'
import { skipWithoutSandbox, startRig } from './rig.ts'

/** A script that prints a file beside it, in a project in that folder. */
function projectIn(t: TestContext, parent: string): string {
  const folder = mkdtempSync(join(parent, 't-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'package.json'), '{ "name": "of-the-project" }\n')
  writeFileSync(join(folder, 'server.sh'), 'cat "${0%/*}/package.json" >&2; cat')
  return folder
}

suite('a project in a folder that a sandbox has of its own', { skip: skipWithoutSandbox }, () => {
  for (const parent of ['/tmp', '/var/tmp']) {
    test(`is shown: ${parent}`, async (t) => {
      const folder = projectIn(t, parent)
      const worker = await startRig(t, { isolation: 'sandbox' }).start([
        '/bin/sh',
        join(folder, 'server.sh'),
      ])
      await eventually(async () => {
        assert.deepEqual(await worker.lastLines(), ['{ "name": "of-the-project" }'])
      })
    })
  }
})
