import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { missingVariable } from '../needs/prepare.ts'
import { startRunner, toyProject } from '../support/toy-project.ts'

const support = JSON.stringify(join(import.meta.dirname, '..', 'support', 'needs.js'))
const usesFastmcp4 = `
  import { need } from ${support}
  for (const name of ['first', 'second']) {
    test(name, (t) => {
      const python = need(t, 'fastmcp4')
      if (python === undefined) return
      console.log('python is', python)
    })
  }`
const missing = {
  BERTH_TEST_PYTHON_FASTMCP4: '',
  [missingVariable]: JSON.stringify({ fastmcp4: { reason: 'no network', command: 'pip it' } }),
}

describe('a test that needs something', { concurrency: 3 }, () => {
  test('is given the path of what was found', async (t) => {
    const run = startRunner(t, toyProject(t, { one: usesFastmcp4 }))
    const { code, output } = await run.done
    assert.equal(code, 0)
    assert.ok(output.includes(`python is ${process.execPath}`), output)
  })

  test('is skipped by name where it is missing, with the command in the last line', async (t) => {
    const run = startRunner(t, toyProject(t, { one: usesFastmcp4 }), { env: missing })
    const { code, output, lastLine } = await run.done
    assert.equal(code, 0)
    assert.match(output, /^ {2}missing +fastmcp4 +no network\n +run: pip it$/m)
    assert.match(output, /﹣ second .*needs fastmcp4: no network/)
    assert.match(lastLine, /2 skipped in .* s; missing fastmcp4 \(2 skipped; run: pip it\)$/)
  })

  test('fails where it is missing and CI=true', async (t) => {
    const env = { ...missing, CI: 'true' }
    const run = startRunner(t, toyProject(t, { one: usesFastmcp4 }), { env })
    const { code, output, lastLine } = await run.done
    assert.equal(code, 1)
    assert.match(output, /needs fastmcp4: no network/)
    assert.match(lastLine, /2 failed, 0 skipped/)
  })

  test('any other skip fails the run as well where CI=true', async (t) => {
    const root = toyProject(t, { one: `test('not today', (t) => { t.skip('why ever') })` })
    assert.equal((await startRunner(t, root).done).code, 0)
    const { code, output } = await startRunner(t, root, { env: { CI: 'true' } }).done
    assert.equal(code, 1)
    assert.match(output, /CI=true: a skipped test is a failure/)
  })
})
