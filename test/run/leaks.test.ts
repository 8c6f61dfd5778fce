import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { alive } from '../support/processes.ts'
import { startRunner, toyProject } from '../support/toy-project.ts'

/** A test file whose tests pass, and which leaves something behind. */
function leaving(code: string): string {
  return `
    import { spawn, execFileSync } from 'node:child_process'
    import { createServer } from 'node:net'
    import { writeFileSync } from 'node:fs'
    import { join } from 'node:path'
    test('passes', async () => { ${code} })`
}
const aMoment = `await new Promise((resolve) => setTimeout(resolve, 1000))`

describe('the leak check', { concurrency: 3 }, () => {
  test('names and kills a process that was started with another environment', async (t) => {
    const root = toyProject(t, {
      one: leaving(`
        const child = spawn('sleep', ['611'], { detached: true, env: {}, cwd: '/', stdio: 'ignore' })
        child.unref()
        console.log('pid', child.pid)
        ${aMoment}`),
    })
    const { code, output, lastLine } = await startRunner(t, root).done
    const pid = Number(/pid (\d+)/.exec(output)?.[1])
    assert.equal(code, 1)
    assert.ok(output.includes(`left behind: process ${pid}: sleep 611`), output)
    assert.match(lastLine, /1 passed, 0 failed/)
    assert.equal(alive(pid), false)
  })

  test('names a process that lost its parent at once', async (t) => {
    const root = toyProject(t, {
      one: leaving(`execFileSync('sh', ['-c', 'sleep 612 > /dev/null 2>&1 &'])`),
    })
    const { code, output } = await startRunner(t, root).done
    assert.equal(code, 1)
    assert.match(output, /left behind: process \d+: sleep 612/)
  })

  test('names sockets and files, and removes them', async (t) => {
    const root = toyProject(t, {
      one: leaving(`
        console.log('folder', process.env.TMPDIR)
        writeFileSync(join(process.env.TMPDIR, 'forgotten.txt'), '')
        writeFileSync(process.env.TMPDIR + '-beside', '')
        const server = createServer().listen(join(process.env.TMPDIR, 'some.sock'))
        server.on('listening', () => process.kill(process.pid, 'SIGKILL'))
        ${aMoment}`),
    })
    const { code, output } = await startRunner(t, root).done
    assert.equal(code, 1)
    assert.match(output, /left behind: file .*\/forgotten\.txt/)
    assert.match(output, /left behind: file .*\/some\.sock/)
    const folder = /folder (\S+)/.exec(output)?.[1] ?? '/'
    assert.ok(output.includes(`left behind: file ${folder}-beside\n`), output)
    assert.deepEqual([existsSync(folder), existsSync(`${folder}-beside`)], [false, false])
  })

  test('waits a moment for what is just ending', async (t) => {
    const root = toyProject(t, {
      one: leaving(`execFileSync('sh', ['-c', 'sleep 1.3 > /dev/null 2>&1 &'])`),
    })
    const { code, output } = await startRunner(t, root).done
    assert.equal(code, 0, output)
  })

  test('has nothing to say about two runs beside each other', async (t) => {
    const file = leaving(`
      const own = join(process.env.TMPDIR, 'own')
      spawn('sleep', ['0.7'], { stdio: 'ignore' })
      ${aMoment}`)
    const runs = [1, 2].map(() => startRunner(t, toyProject(t, { one: file })).done)
    for (const { code, output } of await Promise.all(runs)) assert.equal(code, 0, output)
  })

  test('gives every process of a run its marker, and a folder short enough for sockets', async (t) => {
    const root = toyProject(t, {})
    const seen = join(root, 'seen.json')
    const told = toyProject(t, {
      one: leaving(`
        const { BERTH_TEST_RUN, TMPDIR, XDG_STATE_HOME } = process.env
        writeFileSync('${seen}', JSON.stringify({ BERTH_TEST_RUN, TMPDIR, XDG_STATE_HOME }))`),
    })
    assert.equal((await startRunner(t, told, { env: { TMPDIR: '/tmp' } }).done).code, 0)
    const env = JSON.parse(readFileSync(seen, 'utf8')) as Record<string, string>
    assert.match(env['BERTH_TEST_RUN'] ?? '', /^([0-9a-f]{12}\.)?[0-9a-f]{12}$/)
    assert.match(env['TMPDIR'] ?? '', /^\/tmp\/bt-\w{6}$/)
    assert.equal(env['XDG_STATE_HOME'], `${env['TMPDIR']}/state`)
  })
})
