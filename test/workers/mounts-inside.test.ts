import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'

import { hasMountsInside } from '../../src/workers/sandbox/mounts.ts'
import { tempDir } from '../support/temp.ts'

const line = (mountPoint: string): string =>
  `226 225 0:68 / ${mountPoint} rw,relatime - ext4 /dev/vda rw`

test('what is mounted inside of a folder is seen, and nothing beside it', (t) => {
  const folder = tempDir(t)
  const isInside = (mountPoint: string) =>
    hasMountsInside(folder, `${line('/')}\n${line(mountPoint)}`)
  assert.equal(isInside(`${folder}/config/berth.yaml`), true)
  assert.equal(isInside(folder), false)
  assert.equal(isInside(`${folder}-other`), false)
  assert.equal(isInside('/'), false)
})

test('a folder with a space in its name is found', (t) => {
  const folder = tempDir(t)
  assert.equal(hasMountsInside('/', line(`${folder}/a\\040b`)), true)
})

test('this machine is asked', { skip: !existsSync('/proc/self/mountinfo') }, (t) => {
  assert.equal(hasMountsInside('/'), true)
  assert.equal(hasMountsInside(tempDir(t)), false)
})
