import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, it } from 'node:test'
import { compiled } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { commandOf, processesWith } from '../support/processes.ts'
import { place } from './berth.ts'

const planner = compiled('src/demo/trip-planner.js')
const expenses = compiled('src/demo/expenses.js')

describe('check', { concurrency: 3 }, () => {
  it('says what is right, a line for each server, and starts nothing', async (t) => {
    const { put, berth, folder, stateDir } = place(t)
    const file = put('mcp.json', {
      mcpServers: {
        planner: { command: 'node', args: [planner], env: { TOKEN: 'tok-1234' } },
        far: { url: 'https://mcp.example.com/mcp?key=tok-1234' },
        missing: { command: 'no-such-command', cwd: 'session' },
      },
    })
    const { code, stdout, stderr } = await berth(['check', file], { cwd: dirname(folder) })
    assert.equal(code, 0)
    const [first, ...lines] = stdout.trimEnd().split('\n')
    assert.equal(first, `${file} is right: 3 servers.`)
    assert.deepEqual(lines, [
      `planner: node ${planner} (stdio, process, in ${folder}, idle 15 min, at most 8 h)`,
      'far: https://mcp.example.com/mcp?key=… (remote, shared by its sessions, idle 15 min, at most 8 h)',
      'missing: no-such-command (stdio, process, in a folder of each session, idle 15 min, at most 8 h)',
    ])
    assert.match(stderr, /^note: The server missing is started with no-such-command, but/m)
    assert.match(stderr, /^note: All sessions of far share one remote server/m)
    assert.match(stderr, /^note: All sessions of planner work in the same folder/m)
    assert.ok(!stderr.includes('tok-1234'))
    assert.throws(() => readdirSync(stateDir), { code: 'ENOENT' })
  })

  it('says what a server writes that is no message, and soon that nothing else comes', async (t) => {
    const { berth } = place(t)
    const otherwise = compiled('test/fixtures/workers/speaks-otherwise.js')
    const tried = (how: string) => berth(['check', '--start', '--', 'node', otherwise, how])
    const [banner, lsp] = await Promise.all([tried('banner'), tried('lsp')])
    assert.equal(banner.code, 0)
    assert.match(banner.stdout, /^ {2}note: It writes to stdout what is no JSON-RPC message\./m)
    assert.equal(lsp.code, 1)
    assert.match(lsp.stdout, /it puts Content-Length before its messages, as language servers do/)
  })

  it('says what this machine does not have, and exits 1', async (t) => {
    const { put, berth } = place(t)
    const file = put('mcp.json', {
      mcpServers: {
        walled: { command: 'node', isolation: 'sandbox', cwd: 'session' },
        limited: { command: 'node', limits: { disk: '1MiB' }, requireLimits: true, cwd: 'session' },
        plain: { command: 'node', cwd: 'session' },
      },
    })
    const { code, stdout, stderr } = await berth(['check', file], {
      env: { PATH: '/nowhere' },
    })
    assert.equal(code, 1)
    assert.match(stdout, /cannot be served as it is on this machine: 3 servers\.$/m)
    assert.match(stderr, /^mcpServers\.walled\.isolation: sandbox cannot be had here: \S/m)
    assert.match(
      stderr,
      /^mcpServers\.limited\.limits\.disk: cannot be enforced: a process writes/m,
    )
    assert.match(stderr, /mcp-berth doctor tells what this machine can do/)
    assert.ok(!stderr.includes('mcpServers.plain'))
  })

  it('says all that is wrong, and exits 1', async (t) => {
    const { put, berth } = place(t)
    put(
      'berth.yaml',
      'mcpServers:\n  a: { command: node, transport: http, port: 99999 }\n  b: {}\n',
    )
    const { code, stdout, stderr } = await berth(['check'])
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(
      stderr,
      /berth\.yaml has 2 problems:\n {2}mcpServers\.a\.port: .*\n {2}mcpServers\.b: /,
    )
  })

  it('starts each server once, and tells time and tools, or what went wrong', async (t) => {
    const { put, berth, folder, stateDir } = place(t)
    put('broken.mjs', 'console.error("The key is missing."); process.exit(3)')
    put('mcp.json', {
      mcpServers: {
        planner: { command: 'node', args: [planner], limits: { openFiles: 1024 } },
        wrapped: { command: 'sh', args: ['-c', `sh -c "node ${expenses}; true"`] },
        http: { command: 'node', args: [expenses, '--http'], transport: 'http' },
        broken: { command: 'node', args: ['broken.mjs'], transport: 'http' },
        missing: { command: 'no-such-command' },
        mute: { command: 'sh', args: ['-c', 'echo hello; sleep 60'], startTimeoutMs: 5000 },
        deaf: { command: 'sleep', args: ['60'], transport: 'http', startTimeoutMs: 700 },
        theirs: {
          command: 'node',
          env: { WHO: '${claims.sub}' },
          authorizerConfiguration: 'local',
        },
      },
    })
    const { code, stdout } = await berth(['check', '--start'], { env: { BERTH_DEBUG: '1' } })
    assert.equal(code, 1)
    const told = stdout.split(/^(?=[✓✗–])/m)
    const patterns = [
      /is right: 8 servers\.\n$/,
      /^✓ planner: \d+ ms, 3 tools: plan_trip, list_trips, whoami\n {2}isolation: .*no wall.*\n {2}limits: 1024 open files by rlimit/,
      /^✓ wrapped: \d+ ms, 3 tools: add_expense, analyze_spending, monthly_report\n/,
      /^✓ http: \d+ ms, 3 tools: add_expense/,
      /^✗ broken: node broken\.mjs \(http on \$PORT.*\n {2}The command node broken\.mjs exited \(exit code 3\).*\n {2}It wrote:\n {4}The key is missing\.\n$/,
      /^✗ missing: no-such-command .*\n {2}The command no-such-command could not be started: it is not in/,
      /^✗ mute: .*\n {2}The command .* did not answer initialize within 5 s\.\n {2}It wrote:\n {4}hello\n$/,
      /^✗ deaf: .*\n {2}The command sleep 60 did not listen on port \d+ within 700 ms\.\n$/,
      /^– theirs: not tried, because nobody is there to take \$\{claims\.sub\} from\n$/,
    ]
    assert.equal(told.length, patterns.length, stdout)
    for (const [index, pattern] of patterns.entries()) assert.match(told[index]!, pattern)
    assert.deepEqual(processesWith(folder), [])
    assert.throws(() => readdirSync(stateDir), { code: 'ENOENT' })
  })

  it('checks and tries a command as serve takes it', async (t) => {
    const { berth } = place(t)
    const [said, tried, refused] = await Promise.all([
      berth(['check', '--', 'node', planner]),
      berth(['check', '--start', '--http', '--', 'node', expenses, '--http']),
      berth(['check', 'node', planner]),
    ])
    assert.deepEqual([said.code, tried.code, refused.code], [0, 0, 2])
    assert.match(said.stdout, /^The command line is right: 1 server\.\nserver: node .* \(stdio, /)
    assert.match(tried.stdout, /\n✓ server: \d+ ms, 3 tools: add_expense/)
    assert.match(refused.stderr, /Write -- before a command: mcp-berth check -- node /)
  })

  it('says of a command line that its program is not there, and how a script is started', async (t) => {
    const { berth } = place(t)
    const [gone, python, script] = await Promise.all([
      berth(['check', '--', 'noed', 'server.js']),
      berth(['check', 'server.py', 'x']),
      berth(['check', 'server.mjs']),
    ])
    assert.deepEqual([gone.code, python.code, script.code], [1, 2, 2])
    assert.match(gone.stdout, /^The command line cannot be served as it is on this machine: 1 /)
    assert.match(gone.stderr, /^note: noed is not in PATH\. Did you mean node\?$/m)
    assert.doesNotMatch(gone.stderr, /same folder/)
    assert.match(
      python.stderr,
      /Write -- before a command: mcp-berth check -- python3 server\.py x$/m,
    )
    assert.match(script.stderr, /check -- node server\.mjs\)/)
  })

  it('stops at Ctrl-C while a server takes its time, and leaves nothing', async (t) => {
    const { start, folder, stateDir } = place(t)
    const running = start(['check', '--start', '--', 'sleep', '60'])
    await eventually(() =>
      assert.ok(processesWith(folder).some(({ pid }) => commandOf(pid) === 'sleep 60')),
    )
    running.child.kill('SIGINT')
    const { code } = await running.done
    assert.equal(code, 1)
    assert.deepEqual(processesWith(folder), [])
    assert.throws(() => readdirSync(stateDir), { code: 'ENOENT' })
  })
})
