import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { compiled } from '../support/config.ts'
import { connectClient } from '../support/mcp-client.ts'
import { processesWith } from '../support/processes.ts'
import { place } from './berth.ts'

const expenses = compiled('src/demo/expenses.js')
const controlC = '\u0003'

describe('serve at a terminal', { concurrency: 3 }, () => {
  it('shows in colours what happens and what workers write, and ends at Ctrl-C', async (t) => {
    const { stateDir, serveAtTerminal } = place(t)
    const serving = await serveAtTerminal(['--http', '--', 'node', expenses, '--http'])
    if (serving === undefined) return
    const { client } = await connectClient(t, serving.mcp('server'))
    await client.ping()
    await serving.says(/expenses listens on/)
    assert.match(
      serving.said(),
      /\u001b\[36mserver\/[0-9a-f]{4}\u001b\[39m \u001b\[2m│\u001b\[22m expenses listens on/,
    )
    assert.match(
      stripVTControlCharacters(serving.said()),
      /INFO: session\.live \{"session":"\w{8}"/,
    )

    serving.child.stdin.write(controlC)
    const { code, stdout } = await serving.done
    assert.equal(code, 0)
    assert.match(
      stripVTControlCharacters(stdout),
      /Ending every worker[^]*session\.closed.*drained/,
    )
    assert.deepEqual(processesWith(join(stateDir, 'sessions')), [])
  })

  it('shows no colours where NO_COLOR is set, and control codes of workers never', async (t) => {
    const { put, serveAtTerminal } = place(t)
    put(
      'noisy.mjs',
      `console.error('\\u001b[2J\\u001b]0;title\\u0007one\\ttwo\\r')
      import(${JSON.stringify(compiled('src/demo/trip-planner.js'))})`,
    )
    const serving = await serveAtTerminal(['--', 'node', 'noisy.mjs'], { env: { NO_COLOR: '1' } })
    if (serving === undefined) return
    await connectClient(t, serving.mcp('server'))
    await serving.says(/server\/[0-9a-f]{4} │ one     two\r\n/)
    serving.child.stdin.write(controlC)
    const { stdout } = await serving.done
    assert.equal(stdout.includes('\u001b'), false, JSON.stringify(stdout))
  })

  it('shows the last words of a server that died at its start, as it wrote them', async (t) => {
    const { put, serveAtTerminal } = place(t)
    put(
      'dies.mjs',
      `console.error('Traceback:\\n    in main\\n\\tat tab\\u009b31m\\u202e\\n1%\\r2%')
      process.exit(1)`,
    )
    const serving = await serveAtTerminal(['--http', '--', 'node', 'dies.mjs'])
    if (serving === undefined) return
    await assert.rejects(connectClient(t, serving.mcp('server')), /ERR_WORKERS_EXITED_EARLY/)
    await serving.says(/session\.closed/)
    const said = stripVTControlCharacters(serving.said())
    const name = /server\/[0-9a-f]{4} │ /.exec(said)?.[0] ?? ''
    const lines = ['Traceback:', '    in main', '        at tab', '2%'].map((line) => name + line)
    assert.ok(said.includes(lines.join('\r\n')), said)
    assert.doesNotMatch(said, /lastLines|\u009b|\u202e/)
    serving.child.stdin.write(controlC)
    assert.equal((await serving.done).code, 0)
  })

  it('logs JSON lines there when asked to', async (t) => {
    const { serveAtTerminal } = place(t)
    const serving = await serveAtTerminal([
      '--log-json',
      '--',
      'node',
      compiled('src/demo/trip-planner.js'),
    ])
    if (serving === undefined) return
    await connectClient(t, serving.mcp('server'))
    await serving.says(/^\{"level":"info",.*"msg":"session\.live"\}\r\n/m)
    serving.child.stdin.write(controlC)
    assert.equal((await serving.done).code, 0)
  })
})
