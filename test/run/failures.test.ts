import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'

import { put, startRunner, toyProject } from '../support/toy-project.ts'

const passes = (name: string): string => `test('${name}', () => {})`

/** What is told of each failure at the end: where it is, and its name. */
function failuresIn(output: string): string[][] {
  const [, told = ''] = output.split('failing tests:')
  return [...told.matchAll(/^test at (\S+)\n✖ (.*) \([\d.]+ms\)$/gm)].map(
    ([, place = '', name = '']) => [place.replace(/^.*?\/(dist\/)?test\//, ''), name],
  )
}

// Files of a folder such as proxy/ share a process, where there are not more processes than folders.
const together = { args: ['--at-once', '1'] }

describe('a failure has the name of its own file', { concurrency: 3 }, () => {
  test('when a test fails, with its line in the TypeScript', async (t) => {
    const root = toyProject(t, {
      'proxy/a': passes('fine'),
      'proxy/b': `${passes('good')}\ntest('broken', () => { throw new Error('it broke') })
//# sourceMappingURL=b.test.js.map`,
    })
    const map = { version: 3, sources: ['../../../test/proxy/b.test.ts'], names: [] }
    put(
      join(root, 'dist', 'test', 'proxy', 'b.test.js.map'),
      JSON.stringify({ ...map, mappings: ';;AAUA' }),
    )
    const { output, lastLine } = await startRunner(t, root, together).done
    assert.deepEqual(failuresIn(output), [['proxy/b.test.ts:11:1', 'broken']])
    assert.match(lastLine, /^tests: 2 passed, 1 failed/)
  })

  test('when the test stands in a suite that several files run', async (t) => {
    const root = toyProject(t, { 'proxy/a': `import { suite } from '../suites/one.js'\nsuite()` })
    put(
      join(root, 'dist', 'test', 'suites', 'one.js'),
      `import { describe, test } from 'node:test'
       export const suite = () => describe('all', () => test('broken', () => { throw 1 }))`,
    )
    const { output } = await startRunner(t, root, together).done
    const [[place, name] = []] = failuresIn(output)
    assert.match(place ?? '', /^suites\/one\.js:2:/)
    assert.equal(name, 'broken (test/proxy/a.test.ts)')
  })

  test('when it cannot be loaded, and the others run all the same', async (t) => {
    const root = toyProject(t, {
      'proxy/a': passes('before'),
      'proxy/b': `import './nothing.js'`,
      'proxy/c': `throw new Error('not today')`,
      'proxy/d': passes('after'),
    })
    const { output, lastLine } = await startRunner(t, root, together).done
    assert.deepEqual(failuresIn(output), [
      ['proxy/b.test.ts:1:1', 'the file could not be loaded (test/proxy/b.test.ts)'],
      ['proxy/c.test.ts:1:1', 'the file could not be loaded (test/proxy/c.test.ts)'],
    ])
    assert.match(output, /nothing\.js[^]*not today/)
    assert.match(lastLine, /^tests: 2 passed, 2 failed/)
  })

  test('when it dies, and the others run once all the same', async (t) => {
    const root = toyProject(t, {
      'proxy/a': passes('before'),
      'proxy/b': `${passes('good')}\ntest('dies', () => process.exit(3))`,
      'proxy/c': passes('between'),
      'proxy/d': 'process.exit(4)',
      'proxy/e': passes('after'),
    })
    const { output, lastLine } = await startRunner(t, root, together).done
    assert.deepEqual(failuresIn(output), [
      ['proxy/d.test.ts:1:1', 'test/proxy/d.test.ts while it was loaded'],
      ['proxy/b.test.ts:1:1', 'test/proxy/b.test.ts in "dies"'],
    ])
    assert.match(output, /the process ended with exit code 4[^]*exit code 3/)
    for (const name of ['before', 'between', 'after']) {
      assert.equal(output.match(new RegExp(`^✔ ${name} `, 'gm'))?.length, 1, output)
    }
    assert.match(lastLine, /, 2 failed, 0 skipped/)
  })

  test('when a hook of it fails, or something in it throws when it is over', async (t) => {
    const root = toyProject(t, {
      'proxy/a': passes('fine'),
      'proxy/b': `${passes('good')}\ntest.after(() => { throw new Error('too late') })`,
      'auth/a': `test('leaves', () => { setImmediate(() => { throw new Error('later') }) })`,
      'auth/b': `test('waits', () => new Promise((resolve) => setTimeout(resolve, 20)))`,
    })
    const { output, lastLine } = await startRunner(t, root, together).done
    const names = failuresIn(output).map(([, name]) => name)
    assert.deepEqual(names.sort(), [
      'test/auth/a.test.ts after the tests',
      'test/proxy/b.test.ts in a hook of the file',
    ])
    assert.match(lastLine, /^tests: 4 passed, 2 failed/)
  })
})
