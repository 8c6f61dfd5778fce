import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { after, describe, it } from 'node:test'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { atEnd } from '../support/at-end.ts'
import { freePort } from '../support/free-port.ts'
import { startTestGateway } from '../support/gateway.ts'
import type { Owner } from '../support/temp.ts'
import { connectEverything } from './everything-client.ts'
import { playEverything } from './everything-play.ts'
import type { Transcript } from './everything-play.ts'

const file = createRequire(import.meta.url).resolve(
  '@modelcontextprotocol/server-everything/dist/index.js',
)
const whole = { after }
const gateway = await startTestGateway(
  whole,
  {
    stdio: { command: ['node', file] },
    http: { command: ['node', file, 'streamableHttp'], http: true },
    relay: { command: ['node', file, 'streamableHttp'], http: true, relay: true },
  },
  { bundles: { team: { servers: ['stdio'], prefixes: { stdio: '' } } } },
)
const overStdio = play(
  new StdioClientTransport({ command: process.execPath, args: [file], stderr: 'ignore' }),
)
const overHttp = startServer(whole).then((url) => play(new StreamableHTTPClientTransport(url)))

describe('server-everything through the gateway', { concurrency: 4 }, () => {
  for (const [server, direct] of [
    ['stdio', overStdio],
    ['http', overHttp],
    ['relay', overHttp],
  ] as const) {
    it(`answers over ${server} as it does without the gateway`, async () => {
      const url = new URL(gateway.mcp(server))
      const [through, without] = await Promise.all([
        play(new StreamableHTTPClientTransport(url)),
        direct,
      ])
      for (const [step, answer] of Object.entries(without)) {
        assert.deepEqual(through[step], answer, step)
      }
      assert.deepEqual(through, without)
      assertThatMuchWasPlayed(through)
    })
  }

  it('answers through a bundle as it does alone', async () => {
    const url = new URL(gateway.bundle('team'))
    const played = JSON.stringify(await play(new StreamableHTTPClientTransport(url)))
    // A task says whose it is.
    const through = JSON.parse(played.replaceAll('stdio:\\"ID\\"', 'ID')) as Transcript
    // Who it is, and what it can do in all, is the bundle's to say.
    const { mistakes, server: _, capabilities: __, instructions: ___, ...without } = await overStdio
    for (const [step, answer] of Object.entries(without)) {
      assert.deepEqual(through[step], answer, step)
    }
    // What it knows of nobody it answers itself, in words of its own.
    const own = { unknownTool: 1, noPrompt: 1, noTask: 1 }
    assert.deepEqual(
      { ...(through.mistakes as object), ...own },
      { ...(mistakes as object), ...own },
    )
    assertThatMuchWasPlayed(through)
  })
})

async function play(transport: Transport): Promise<Transcript> {
  return playEverything(await connectEverything(whole, transport))
}

/** Two runs may also be alike because both came to nothing. */
function assertThatMuchWasPlayed(transcript: Transcript): void {
  const said = (step: string): string => JSON.stringify(transcript[step])
  assert.match(said('echo'), /Echo: grüße ✓/)
  assert.deepEqual(
    transcript['longSteps'],
    [1, 2, 3].map((progress) => ({ progress, total: 3 })),
  )
  assert.match(said('accepted'), /Name: Ana/)
  assert.match(said('declined'), /declined/)
  assert.match(said('cancelled'), /cancelled/)
  assert.match(said('page'), /completed the URL elicitation/)
  assert.match(said('mistakes'), /-32042/)
  assert.match(said('sampled'), /Forty-two/)
  assert.match(said('roots'), /home\/ana\/trips/)
  assert.match(said('researched'), /historical/)
  assert.match(said('sampledLater'), /COMPLETED.*Forty-two/)
  assert.match(said('askedLater'), /COMPLETED.*Ben/)
  assert.equal(transcript['cancelledTask'], 'cancelled')
  assert.match(said('kinds'), /notifications\/message.*notifications\/resources\/updated/)
}

/** The server cannot tell which port it was given, so it is given one that was free just now. */
async function startServer(t: Owner): Promise<URL> {
  const port = await freePort()
  const child = spawn(process.execPath, [file, 'streamableHttp'], {
    env: { ...process.env, PORT: String(port) },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const exited = once(child, 'exit')
  atEnd(t, async () => {
    child.kill('SIGKILL')
    await exited
  })
  const [said] = (await once(child.stderr, 'data')) as [Buffer]
  if (/already in use/.test(said.toString())) return startServer(t)
  return new URL(`http://127.0.0.1:${port}/mcp`)
}
