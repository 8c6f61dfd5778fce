import assert from 'node:assert/strict'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'

import { installationOf } from '../../src/workers/identity.ts'
import { compiled } from '../support/config.ts'
import { tempDir } from '../support/temp.ts'

const rounds = 20
const identity = JSON.stringify(compiled('src/workers/identity.js'))

/** Names the same folders as all others do, each in the same moment. */
const contender = `
const { parentPort } = require('node:worker_threads')
import(${identity}).then(({ installationOf }) => {
  parentPort.on('message', (folder) => parentPort.postMessage(installationOf(folder)))
  parentPort.postMessage('ready')
})`

test('a state directory has one name, whoever asks for it first', async (t) => {
  const folders = Array.from({ length: rounds }, () => tempDir(t))
  const threads = [1, 2, 3].map(() => new Worker(contender, { eval: true }))
  const said = threads.map(
    (thread) =>
      new Promise<string[]>((resolve) => {
        const all: string[] = []
        thread.on('message', (text: string) => {
          all.push(text)
          if (all.length === 1) for (const folder of folders) thread.postMessage(folder)
          if (all.length > rounds) resolve(all.slice(1))
        })
      }),
  )
  const names = await Promise.all(said)
  await Promise.all(threads.map((thread) => thread.terminate()))
  for (const [at, folder] of folders.entries()) {
    const name = installationOf(folder)
    assert.match(name, /^[0-9a-f]{32}$/)
    assert.deepEqual(
      names.map((own) => own[at]),
      [name, name, name],
    )
    assert.deepEqual(readdirSync(folder), ['installation'])
    assert.equal(statSync(join(folder, 'installation')).mode & 0o777, 0o600)
  }
})
