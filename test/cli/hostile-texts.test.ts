import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { TestContext } from 'node:test'

import { hostile } from '../fixtures/workers/says-escapes.ts'
import { compiled } from '../support/config.ts'
import { startTestGateway } from '../support/gateway.ts'
import { postRpc } from '../support/raw-http.ts'
import { initializeMessage } from '../support/raw-session.ts'
import { place } from './berth.ts'

const worker = compiled('test/fixtures/workers/says-escapes.js')
const command = ['node', worker, 'serve'] as [string, ...string[]]
const gateway = await startTestGateway(
  { after },
  { speaks: { command }, wrong: { command, env: { ...process.env, VERSION: 'x' } } },
)
const url = gateway.mcp('speaks')

/** What nobody draws here, so that it can only be the server's. */
const commands =
  /\u001b[\]P_^Xc]|\u001b\[6n|\u001b\[2J|\u001b\[31mRED|[\u0007\u0008\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/u

function check(said: string, what: string): void {
  const found = commands.exec(said)
  const around = said.slice(Math.max(0, (found?.index ?? 0) - 60), (found?.index ?? 0) + 40)
  assert.equal(found, null, `${what}: ${JSON.stringify(around)}`)
}

type Typed = [says: RegExp, keys: string][]

async function atTerminal(
  t: TestContext,
  args: string[],
  typed: Typed = [],
): Promise<string | undefined> {
  const running = place(t).atTerminal(args)
  if (running === undefined) return undefined
  for (const [says, keys] of typed) {
    await running.says(says)
    running.child.stdin.write(keys)
  }
  const { stdout } = await running.done
  check(stdout, args.join(' '))
  return stdout
}

const commandLines: string[][] = [
  ['tools', gateway.mcp('wrong')],
  ['tools', url],
  ['prompts', url, 'p'],
  ['resources', url, 'x:1', '--json'],
  ['call', url, 'error'],
  ['call', url, 'progress'],
  ['call', url, 'log'],
  ['call', url, 'links', '--json'],
]
test('what a server says commands no terminal', async (t) => {
  const shown = await Promise.all(commandLines.map((args) => atTerminal(t, args)))
  for (const said of shown) if (said !== undefined) assert.match(said, /RED/)
})

const enter = '\r'

test('a form of a server is asked for as it reads, and answered by what is seen', async (t) => {
  const said = await atTerminal(
    t,
    ['call', url, 'elicit'],
    [
      [/Decline/, enter],
      [/optional/, enter],
      [/n1/, enter],
      [/Send these/, enter],
    ],
  )
  if (said !== undefined) assert.match(said, /"action":"accept"/)
})

test('an answer that does not fit is told of without the commands of the form', async (t) => {
  const given = ['call', url, 'elicit', '--answer', 'c=zzz']
  await atTerminal(t, given, [[/Choose one of[^]*Decline/, '\u0003']])
})

test('a page is offered if it is of the web, and others are shown with a warning', async (t) => {
  const visit = (page: string, typed: Typed = []): Promise<string | undefined> =>
    atTerminal(t, ['call', url, 'url', '--args', JSON.stringify({ url: page })], typed)
  const web = await visit('https://a@pay.example/\u202e', [[/Do you go there/, enter]])
  if (web === undefined) return
  assert.match(web, /page is at pay\.example/)
  assert.match(web, /What stands before @/)
  assert.match(web, /accept/)
  const said = await visit('javascript:alert(1)')
  assert.match(said ?? '', /Do not open it\. Declined\.[^]*"action":"decline"/)
  assert.doesNotMatch(said ?? '', /Yes, I open it/)
})

test('sessions and logs show what clients and workers call themselves, and no more', async (t) => {
  const opening = initializeMessage()
  const clientInfo = { name: hostile('client'), version: hostile('2') }
  const params = { ...opening.params, clientInfo, protocolVersion: hostile('v') }
  const opened = await postRpc(url, { ...opening, params })
  assert.equal(opened.status, 200)
  await opened.text()
  const at = ['--state-dir', gateway.stateDir]
  const commands = [['sessions'], ['sessions', '--json'], ['logs']]
  const shown = await Promise.all(commands.map((args) => atTerminal(t, [...args, ...at])))
  for (const said of shown) if (said !== undefined) assert.match(said, /RED/)
})
