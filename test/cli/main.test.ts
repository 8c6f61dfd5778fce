import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { jsonErrorAt } from '../../src/cli/json.ts'
import { commands } from '../../src/cli/commands/index.ts'
import { berth, start } from './support.ts'

test('help lists every command, and is what one gets without any', async (t) => {
  const help = await berth(t, 'help')
  assert.deepEqual([help.code, help.stderr], [0, ''])
  for (const [name, { summary }] of commands) {
    assert.ok(help.stdout.includes(name) && help.stdout.includes(summary), name)
  }
  assert.deepEqual(await berth(t), help)
  assert.deepEqual(await berth(t, '--help'), help)
})

test('help of a command tells its usage and every option', async (t) => {
  const help = await berth(t, 'help', 'call')
  assert.equal(help.code, 0)
  assert.match(help.stdout, /^usage: mcp-berth call URL TOOL \[KEY=VALUE …\] \[options\]$/m)
  for (const name of Object.keys(commands.get('call')?.options ?? {})) {
    assert.ok(help.stdout.includes(`--${name}`), name)
  }
  assert.deepEqual(await berth(t, 'call', '--help'), help)
  assert.deepEqual(await berth(t, 'call', 'http://x/', 'y', '-h'), help)
})

test('the version is the one of the package', async (t) => {
  const file = new URL('../../../package.json', import.meta.url)
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string }
  assert.deepEqual(await berth(t, '--version'), { code: 0, stdout: `${version}\n`, stderr: '' })
})

test('wrong use is exit code 2 and says what was meant', async (t) => {
  const url = 'http://127.0.0.1:65000/mcp'
  const table: [string[], RegExp][] = [
    [['cal'], /There is no command cal\. Did you mean call\?/],
    [['frobnicate'], /There is no command frobnicate\. mcp-berth help lists them\./],
    [['--verbose'], /There is no option --verbose\./],
    [['help', 'cal'], /Did you mean call\?/],
    [['call'], /The URL of the MCP server is missing\.\nusage: mcp-berth call/],
    [['call', url], /The name of the tool is missing/],
    [
      ['call', url, 'a', 'b'],
      /b is one word too many\. Write the arguments of the tool as KEY=VALUE/,
    ],
    [['call', url, 'a', 'b=1', '--args', '{}'], /as b=1 or with --args, not both/],
    [['call', url, 'a', '--jsn'], /There is no option --jsn\. Did you mean --json\?\nusage:/],
    [['call', url, 'a', '--args'], /'--args <value>' argument missing/],
    [['call', url, 'a', '--json=yes'], /'--json' does not take an argument/],
    [['call', 'localhost:8080/mcp', 'a'], /Did you mean http:\/\/localhost:8080\/mcp\?/],
    [['call', 'ftp://x/', 'a'], /ftp:\/\/x\/ is not the URL of an MCP server/],
    [
      ['call', url, 'a', '--args', '{"a": nope}'],
      /--args is not JSON at character 7, after \{"a": /,
    ],
    [
      ['call', url, 'a', '--args', '{"a": 1'],
      /--args is not JSON at character 8, it ends too early/,
    ],
    [['call', url, 'a', '--args', '[1]'], /--args takes a JSON object/],
    [['call', url, 'a', '--answers', '{'], /--answers is not JSON/],
    [['call', url, 'a', '--answer', 'x'], /Write --answer key=value, not x/],
    [['call', url, 'a', '--header', 'nonsense'], /Write a header as --header 'Name: value'/],
    [['call', url, 'a', '--timeout', 'soon'], /--timeout takes a number of seconds, not soon/],
    [['tools', url, 'more'], /more is one word too many/],
    [['prompts', url, '--args', '{}'], /--args goes with the name of a prompt/],
  ]
  for (const [args, says] of table) {
    const { code, stdout, stderr } = await berth(t, ...args)
    assert.deepEqual([code, stdout], [2, ''], args.join(' '))
    assert.match(stderr, says)
  }
})

test('a reader that goes away early is no failure', async (t) => {
  const child = start(t, 'help')
  child.stdout.destroy()
  assert.deepEqual(await once(child, 'exit'), [0, null])
})

test('the place where a text stops being JSON is found', () => {
  const fine = ['{}', ' [1, -2.5e3, "\\u00e4\\n", true, null] ', '{"a": {"b": []}}', '0', '""']
  for (const text of fine) assert.equal(jsonErrorAt(text), undefined, text)
  const table: [string, number][] = [
    ['', 0],
    ['{a: 1}', 1],
    ['{"a" 1}', 5],
    ['{"a": 1,}', 8],
    ['[1 2]', 3],
    ['[1,', 3],
    ['"ab', 3],
    ['"a\nb"', 2],
    ["{'a': 1}", 1],
    ['{} {}', 3],
    ['01', 1],
    ['"\\x"', 1],
  ]
  for (const [text, at] of table) {
    assert.equal(jsonErrorAt(text), at, text)
    assert.throws(() => JSON.parse(text))
  }
})
