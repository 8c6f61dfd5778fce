import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { tempDir } from '../support/temp.ts'
import { publish, readStamp, writeStamp } from './cache.ts'

function intact(folder: string): () => Promise<boolean> {
  return () => Promise.resolve(readStamp(join(folder, 'stamp.json')) === 'whole')
}

async function buildIn(unfinished: string): Promise<void> {
  await writeFile(join(unfinished, 'content'), 'new')
  await writeStamp(join(unfinished, 'stamp.json'), 'whole')
}

test('of many that build the same folder one wins, and the others leave nothing', async (t) => {
  const cache = tempDir(t)
  const folder = join(cache, 'deep', 'thing')
  const builds = Array.from({ length: 8 }, () => publish(folder, intact(folder), buildIn))
  await Promise.all(builds)
  assert.deepEqual(readdirSync(join(cache, 'deep')), ['thing'])
  assert.equal(readFileSync(join(folder, 'content'), 'utf8'), 'new')
})

test('a build that fails leaves nothing, and is told', async (t) => {
  const folder = join(tempDir(t), 'thing')
  const build = async (unfinished: string): Promise<void> => {
    await buildIn(unfinished)
    throw new Error('pip failed')
  }
  await assert.rejects(publish(folder, intact(folder), build), /pip failed/)
  assert.deepEqual(readdirSync(join(folder, '..')), [])
})

test('a folder that is there but broken is replaced', async (t) => {
  const folder = join(tempDir(t), 'thing')
  mkdirSync(folder)
  writeFileSync(join(folder, 'content'), 'old')
  await publish(folder, intact(folder), buildIn)
  assert.equal(readFileSync(join(folder, 'content'), 'utf8'), 'new')
  assert.deepEqual(readdirSync(join(folder, '..')), ['thing'])
})

test('what a killed build left is removed when it is old, and only then', async (t) => {
  const cache = tempDir(t)
  const folder = join(cache, 'thing')
  const [old, young, other] = ['thing.tmp-1', 'thing.tmp-2', 'other.tmp-3'].map((name) => {
    mkdirSync(join(cache, name))
    return join(cache, name)
  })
  const twoHoursAgo = new Date(Date.now() - 2 * 3600_000)
  for (const path of [old!, other!]) utimesSync(path, twoHoursAgo, twoHoursAgo)
  await publish(folder, intact(folder), buildIn)
  assert.deepEqual([old!, young!, other!].map(existsSync), [false, true, true])
})

test('a stamp that is missing or cut off is no stamp', async (t) => {
  const file = join(tempDir(t), 'stamp.json')
  assert.equal(readStamp(file), undefined)
  writeFileSync(file, '{"requirement":"fast')
  assert.equal(readStamp(file), undefined)
  await writeStamp(file, { requirement: 'fastmcp==1' })
  assert.deepEqual(readStamp(file), { requirement: 'fastmcp==1' })
})
