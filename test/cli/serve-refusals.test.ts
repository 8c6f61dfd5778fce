import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { place } from './berth.ts'

describe('serve refuses in one helpful sentence', { concurrency: 3 }, () => {
  it('what is wrong on its command line', async (t) => {
    const { put, berth } = place(t)
    put('server.py', 'import sys\n')
    const table: [string[], number, RegExp][] = [
      [
        [],
        1,
        /there is no configuration: give a file \(mcp-berth serve .* or a command .*berth\.yaml, .*mcp\.json/,
      ],
      [['no.yaml'], 1, /project\/no\.yaml has a problem:\n {2}there is no such file\.\n$/],
      [['.'], 1, /this is a folder; name the file in it/],
      [
        ['python3', 'server.py'],
        2,
        /Write -- before a command: mcp-berth serve -- python3 server\.py/,
      ],
      [
        ['server.py'],
        2,
        /Write -- before a command \(mcp-berth serve -- python3 server\.py\); a file that/,
      ],
      [['-c', 'a.yaml', 'b.yaml'], 2, /serve takes one file: a\.yaml and b\.yaml are 2\./],
      [['--'], 2, /There is no command after --/],
      [['--http'], 2, /--http says how COMMAND is run: write that after --/],
      [
        ['a.yaml', '--', 'node'],
        2,
        /Give either a file \(a\.yaml\) or a command after --, not both/,
      ],
      [['--port', 'x', '--', 'node'], 2, /--port takes a port from 1 to 65535, not x\./],
      [['--listen-port', '99999', '--', 'node'], 2, /--listen-port takes a port from 0 to 65535/],
      [
        ['--listenport', '1', '--', 'node'],
        2,
        /no option --listenport\. Did you mean --listen-port/,
      ],
      [['--log-level', 'loud', '--', 'node'], 1, /\(log\.level\) .*expected trace, debug, info/],
      [['--host', '0.0.0.0', '--', 'node'], 1, /--allow-anonymous any-address/],
    ]
    const outcomes = await inTurn(table, 3, ([args]) => berth(['serve', ...args]))
    for (const [index, [args, code, says]] of table.entries()) {
      const outcome = outcomes[index]!
      assert.match(outcome.stderr, says)
      assert.match(outcome.stderr, /^mcp-berth: /)
      assert.deepEqual([outcome.code, outcome.stdout], [code, ''], args.join(' '))
      // Only wrong use is told how it is used, and nobody is shown a stack.
      assert.equal(outcome.stderr.includes('\nusage: mcp-berth serve '), code === 2, args.join(' '))
      assert.doesNotMatch(outcome.stderr, /\n {4}at /)
    }
  })

  it('every mistake of a file at once, by its place', async (t) => {
    const { put, berth } = place(t)
    const file = put('berth.yaml', 'listn: { port: 1 }\nmcpServers:\n  a: { comand: node }\n')
    const { code, stderr } = await berth(['serve'])
    assert.equal(code, 1)
    assert.ok(stderr.startsWith(`mcp-berth: ${file} has 2 problems:\n`), stderr)
    assert.match(stderr, /^ {2}listn: .*Did you mean listen\?$/m)
    assert.match(stderr, /^ {2}mcpServers\.a: /m)
  })

  it('a busy port, naming the flag for another, and leaves nothing running', async (t) => {
    const { serve, berth, stateDir } = place(t)
    const { url } = await serve(['--', 'node'])
    const taken = new URL(url).port
    const { code, stdout, stderr } = await berth([
      ...['serve', '--state-dir', `${stateDir}-2`, '--admin-port', '0'],
      ...['--listen-port', taken, '--', 'node'],
    ])
    assert.deepEqual([code, stdout], [1, ''])
    assert.equal(
      stderr,
      `mcp-berth: listen.port: cannot listen on 127.0.0.1:${taken}: port ${taken} is in use already. ` +
        'Stop what uses it, or choose another with --listen-port (0 takes a free one).\n',
    )
  })
})

/** A few at a time: each is a process. */
async function inTurn<T, R>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  const waiting = [...items.entries()]
  const run = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      results[next[0]] = await work(next[1])
    }
  }
  await Promise.all(Array.from({ length: atOnce }, run))
  return results
}
