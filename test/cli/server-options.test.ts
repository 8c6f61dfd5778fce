import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compiled } from '../support/config.ts'
import { connectClient } from '../support/mcp-client.ts'
import { place } from './berth.ts'

const teller = compiled('test/fixtures/workers/tells-who.js')

describe('a command after --', { concurrency: 3 }, () => {
  it('gets the variables that the options name, and later ones win', async (t) => {
    const { put, serve } = place(t)
    put('my.env', 'FROM_FILE=file\nTWICE=file\nMY_KEY=file\n')
    const options = [
      ...['--env', 'FROM_OPTION=a=b', '--env', 'TWICE=option', '--env-file', 'my.env'],
      ...['--pass-env', 'MY_*', '--pass-env', 'ALONE'],
    ]
    const env = { MY_KEY: 'shell', MY_OTHER: 'shell', ALONE: 'shell', KEPT_BACK: 'shell' }
    const serving = await serve([...options, '--', 'node', teller], { env })
    const { call } = await connectClient(t, serving.mcp('server'))
    const { content } = await call('about')
    const [said] = content as { text: string }[]
    const about = JSON.parse(said?.text ?? '') as { env: Record<string, string> }
    const { FROM_OPTION, FROM_FILE, TWICE, MY_KEY, MY_OTHER, ALONE } = about.env
    assert.deepEqual(
      { FROM_OPTION, FROM_FILE, TWICE, MY_KEY, MY_OTHER, ALONE },
      {
        ...{ FROM_OPTION: 'a=b', FROM_FILE: 'file', TWICE: 'option' },
        ...{ MY_KEY: 'file', MY_OTHER: 'shell', ALONE: 'shell' },
      },
    )
    assert.deepEqual([about.env.KEPT_BACK, about.env.PYTHONUNBUFFERED], [undefined, '1'])
  })

  it('is refused with the option that is wrong, and never with a value', async (t) => {
    const { berth } = place(t)
    const mistakes: [string[], RegExp][] = [
      [
        ['--env', 'TOKEN'],
        /Write --env TOKEN=VALUE, or --pass-env TOKEN for the value that it has/,
      ],
      [['--env', '=hush'], /Write a variable as --env NAME=VALUE\./],
      [
        ['--pass-env', 'TOKEN=hush'],
        /takes a name alone: --pass-env TOKEN\. A value is given with/,
      ],
      [['--pass-env', '*'], /the name of a variable, or its beginning with \*/],
      // Node 20 takes the option for its own as well, wherever it stands.
      [['--env-file', 'gone.env'], /gone\.env(: not found| cannot be read \(ENOENT\))/],
      [['--pass-env', 'NEVER_SET'], /^ {2}--pass-env NEVER_SET: it is not set in this shell\.$/m],
      [['--isolation', 'jail'], /--isolation takes process or sandbox, not jail\./],
      [['--network', 'private'], /--network private needs --isolation sandbox\./],
      [['--protocol', 'a2a'], /--protocol takes mcp or http, not a2a\./],
      [['--port', 'x'], /--port takes a port from 1 to 65535/],
    ]
    const outcomes = mistakes.map(async ([options, expected]) => {
      const { code, stderr } = await berth(['check', ...options, '--', 'node', 'x.js'])
      assert.ok(code !== 0)
      assert.match(stderr, expected)
      assert.doesNotMatch(stderr, /hush/)
    })
    await Promise.all(outcomes)
    const stray = await berth(['check', '--pass-env', 'A'])
    assert.equal(stray.code, 2)
    assert.match(stray.stderr, /--pass-env says how COMMAND is run: write that after --\./)
  })

  it('says what a sandbox lacks here by its option', async (t) => {
    const { berth } = place(t)
    const options = ['--isolation', 'sandbox', '--network', 'private']
    const { code, stderr } = await berth(['check', ...options, '--', 'node', 'x.js'], {
      env: { PATH: '/nowhere' },
    })
    assert.equal(code, 1)
    assert.match(stderr, /^--isolation: sandbox cannot be had here: \S/m)
  })

  it('that lacks a variable is told how to get it, over stdio and over HTTP', async (t) => {
    const { put, berth } = place(t)
    put(
      'needs.mjs',
      `function key() {
        if (!process.env.ACME_KEY) throw new Error('ACME_KEY is not set')
      }
      key()`,
    )
    const command = ['--', 'node', 'needs.mjs']
    const [withheld, absent] = await Promise.all([
      berth(['check', '--start', ...command], { env: { ACME_KEY: 'hush' } }),
      berth(['check', '--start', '--http', ...command]),
    ])
    assert.match(
      withheld.stdout,
      /before it served anything\. Workers get PATH, HOME and the like only: hand on ACME_KEY with --pass-env ACME_KEY\.$/m,
    )
    assert.doesNotMatch(withheld.stdout, /hush/)
    assert.match(
      absent.stdout,
      /set ACME_KEY in this shell and add --pass-env ACME_KEY \(or use --env-file FILE\)\.$/m,
    )
    const ended = await berth(['check', '--start', '--http', '--', 'node', '-e', '0'])
    assert.match(ended.stdout, /served anything\. If it speaks stdio, leave out --http\.$/m)
    // What it wrote is readable.
    assert.match(absent.stdout, /^ {4}Error: ACME_KEY is not set\n {8}at key \(/m)
  })
})
