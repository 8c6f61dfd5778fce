import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { needReason } from './tally.ts'
import { eventually } from '../support/eventually.ts'
import { alive } from '../support/processes.ts'
import { put, startRunner, toyProject } from '../support/toy-project.ts'

const passes = `test('a fine thing', () => {})`
const fails = `test('a broken thing', () => { throw new Error('it broke') })`
const skips = `test('a thing left out', (t) => { t.skip('${needReason('python3', 'not here')}') })`

describe('the test runner', { concurrency: 3 }, () => {
  test("counts over all files, in node's own summary and in the last line", async (t) => {
    const root = toyProject(t, {
      one: passes,
      'deep/two': `${passes}\ntest('outer', async (t) => { await t.test('inner', () => {}) })`,
      three: skips,
    })
    const { code, output, lastLine } = await startRunner(t, root).done
    assert.equal(code, 0, output)
    assert.match(output, /^ℹ tests 5\nℹ suites 0\nℹ pass 4\nℹ fail 0$/m)
    assert.match(output, /^ℹ skipped 1$/m)
    assert.equal(output.match(/^ℹ tests/gm)?.length, 1)
    assert.match(lastLine, /^tests: 4 passed, 0 failed, 1 skipped in \d+\.\d s$/)
  })

  test('prints first what the tests need', async (t) => {
    const { output } = await startRunner(t, toyProject(t, { one: passes })).done
    const lines = output.split('\n')
    assert.equal(lines[0], 'What the tests need from this machine')
    assert.match(lines[1] ?? '', /^ {2}found +python3 +\$BERTH_TEST_PYTHON3 /)
  })

  test('fails for a test that fails, a file that dies and a hook that throws', async (t) => {
    const root = toyProject(t, {
      one: fails,
      two: 'process.exit(3)',
      three: `test.after(() => { throw new Error('too late') })\n${passes}`,
    })
    const { code, output, lastLine } = await startRunner(t, root).done
    assert.equal(code, 1)
    assert.match(output, /✖ failing tests:[^]*a broken thing[^]*it broke/)
    assert.match(lastLine, /3 failed/)
  })

  test('shows where an error comes from in the TypeScript', async (t) => {
    const root = toyProject(t, { one: `${fails}\n//# sourceMappingURL=one.test.js.map` })
    const map = { version: 3, sources: ['../../test/one.test.ts'], names: [], mappings: ';AAUA' }
    put(join(root, 'dist', 'test', 'one.test.js.map'), JSON.stringify(map))
    assert.match((await startRunner(t, root).done).output, /test\/one\.test\.ts:11:/)
  })

  test('runs only what still has a source, and what fits a filter', async (t) => {
    const root = toyProject(t, { 'room/one': passes, two: fails })
    put(join(root, 'dist', 'test', 'stale.test.js'), 'throw new Error("stale")')
    const { code, lastLine } = await startRunner(t, root, { args: ['room/'] }).done
    assert.equal(code, 0)
    assert.match(lastLine, /^tests: 1 passed, 0 failed/)

    const none = await startRunner(t, root, { args: ['rooom'] }).done
    assert.equal(none.code, 1)
    assert.match(none.output, /no test file has rooom in its name/)
  })

  test('takes the name of a folder for what is in it', async (t) => {
    const root = toyProject(t, { 'room/one': passes, 'room/deep/two': passes, 'other/room': fails })
    for (const [filter, passed] of [
      ['room', 2],
      ['room/deep', 1],
      ['oom/de', 1],
    ] as const) {
      const { output, lastLine } = await startRunner(t, root, { args: [filter] }).done
      assert.match(lastLine, new RegExp(`^tests: ${passed} passed, 0 failed`), output)
    }
  })

  test('runs a serial file when all others are done', async (t) => {
    const root = toyProject(t, {})
    const log = join(root, 'log')
    const note = (text: string): string => `(await import('node:fs')).appendFileSync(
      ${JSON.stringify(log)}, '${text} ')`
    // Turns, and not time, so that the others are slower than one that does not wait for them.
    const slow = `test('slow', async () => {
      for (let turn = 0; turn < 1000; turn += 1) await new Promise(setImmediate);
      ${note('slow')}
    })`
    for (const [name, code] of Object.entries({
      'a.serial': `test('alone', async () => { ${note('alone')} })`,
      b: slow,
      c: slow,
      d: slow,
    })) {
      put(join(root, 'test', `${name}.test.ts`), '')
      put(join(root, 'dist', 'test', `${name}.test.js`), `import test from 'node:test'\n${code}`)
    }
    assert.equal((await startRunner(t, root).done).code, 0)
    assert.equal(readFileSync(log, 'utf8'), 'slow slow slow alone ')
  })

  test('stops a file in which nothing happens any more, and says in which test', async (t) => {
    const root = toyProject(t, {
      one: `test('waits for ever', () => new Promise((resolve) => setTimeout(resolve, 1e6)))`,
      two: `${passes}\nsetInterval(() => {}, 1000)`,
    })
    const { code, output, lastLine } = await startRunner(t, root, { args: ['--silent', '5'] }).done
    assert.equal(code, 1)
    assert.match(output, /✖ test\/one\.test\.ts in "waits for ever"/)
    assert.match(output, /✖ test\/two\.test\.ts after the tests/)
    assert.match(output, /nothing happened for 5 s; the process was stopped/)
    assert.match(lastLine, /1 passed, 2 failed/)
  })

  test('stops everything when it is interrupted', async (t) => {
    const root = toyProject(t, {})
    const file = join(root, 'started')
    put(join(root, 'test', 'one.test.ts'), '')
    put(
      join(root, 'dist', 'test', 'one.test.js'),
      `import test from 'node:test'
       import { spawn } from 'node:child_process'
       import { writeFileSync } from 'node:fs'
       test('waits', () => new Promise(() => {
         const { pid } = spawn('sleep', ['600'], { detached: true, env: {} })
         writeFileSync(${JSON.stringify(file)}, JSON.stringify([pid, process.env.TMPDIR]))
         setInterval(() => {}, 1000)
       }))`,
    )
    const { child, done } = startRunner(t, root)
    const [pid, folder] = await eventually(
      () => JSON.parse(readFileSync(file, 'utf8')) as [number, string],
    )
    child.kill('SIGINT')
    const { code, output } = await done
    assert.notEqual(code, 0)
    assert.match(output, /stopped by SIGINT/)
    assert.equal(alive(pid), false)
    assert.equal(existsSync(folder), false)
  })
})
