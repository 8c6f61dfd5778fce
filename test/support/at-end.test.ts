import assert from 'node:assert/strict'
import test from 'node:test'
import { startRunner, toyProject } from './toy-project.ts'

const support = import.meta.dirname

test('what a test ends goes in reverse, its folders last, and a failure hides no other', async (t) => {
  const root = toyProject(t, {
    one: `
      import { existsSync } from 'node:fs'
      import { basename, dirname } from 'node:path'
      import { tempDir } from '${support}/temp.js'
      import { atEnd } from '${support}/at-end.js'
      let folder
      test('ends things', (t) => {
        folder = tempDir(t)
        const say = (text) => () => console.log(text, existsSync(folder))
        console.log('inside', dirname(folder) === process.env.TMPDIR, basename(folder).length)
        atEnd(t, say('server'))
        atEnd(t, () => { throw new Error('will not close') })
        atEnd(t, say('client'))
        t.after(say('plain'))
      })
      test('later', () => console.log('later', existsSync(folder)))`,
  })
  const { code, output } = await startRunner(t, root).done
  assert.equal(code, 1)
  assert.match(
    output,
    /inside true 8\nclient true\nserver true\nplain true\nlater false\n[^]*will not close/,
  )
  assert.doesNotMatch(output, /left behind/)
})

test('a folder is gone even when the test file dies early', async (t) => {
  const root = toyProject(t, {
    one: `
      import { tempDir } from '${support}/temp.js'
      test('dies', (t) => { tempDir(t); process.exit(3) })`,
  })
  const { code, output } = await startRunner(t, root).done
  assert.equal(code, 1)
  assert.doesNotMatch(output, /left behind/)
})
