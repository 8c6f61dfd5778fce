import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

import { systemClock } from '../../src/ground/clock.ts'
import type { Reply } from '../../src/keeper/reply.ts'
import { createStdioFace } from '../../src/keeper/stdio-face.ts'
import { bridge } from './framed.ts'

export interface SdkRig {
  client: Client
  transport: StreamableHTTPClientTransport
  garbage: string[]
  /** Method and last event id of every request, as `POST` or `GET 3-1`. */
  requests: string[]
  /** Breaks the connections of all open streams, and resolves when the face knows. */
  cutStreams(): Promise<void>
  call(name: string, args?: object, options?: object): Promise<unknown>
}

const fixture = fileURLToPath(new URL('../fixtures/workers/sdk-stdio.js', import.meta.url))

/** The official client over a face, and a stdio server of the official SDK as a real process. */
export async function startSdk(t: TestContext): Promise<SdkRig> {
  const child = spawn(process.execPath, [fixture], { stdio: ['pipe', 'pipe', 'inherit'] })
  const garbage: string[] = []
  const requests: string[] = []
  const face = createStdioFace({
    sessionId: 'sdk-session',
    clock: systemClock,
    toServer: (line) => child.stdin.writable && (child.stdin.write(`${line}\n`), true),
    onGarbage: (line) => garbage.push(line),
  })
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) face.fromServer(line)
  })
  child.on('exit', (code) => face.serverEnded(`exit code ${code ?? 'none'}`))
  child.stdin.on('error', () => undefined)

  const open = new Map<Reply, Promise<void>>()
  const { handle } = await bridge(t, face, (request, closed, reply) => {
    const after = request.headers['last-event-id']
    requests.push(after === undefined ? (request.method ?? '') : `GET ${String(after)}`)
    open.set(reply, closed)
    void closed.then(() => open.delete(reply))
  })
  const server = createServer(handle)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  const client = new Client(
    { name: 'test', version: '1.0.0' },
    { capabilities: { elicitation: {}, sampling: {}, roots: {} } },
  )
  const transport = new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${port}/mcp`), {
    reconnectionOptions: {
      initialReconnectionDelay: 50,
      maxReconnectionDelay: 50,
      reconnectionDelayGrowFactor: 1,
      maxRetries: 5,
    },
  })
  t.after(async () => {
    await client.close()
    server.closeAllConnections()
    server.close()
    child.kill('SIGKILL')
  })
  await client.connect(transport)

  return {
    client,
    transport,
    garbage,
    requests,
    async cutStreams() {
      const closed = [...open.values()]
      for (const reply of open.keys()) reply.destroy()
      await Promise.all(closed)
    },
    async call(name, args = {}, options = {}) {
      const result = await client.callTool({ name, arguments: { ...args } }, undefined, options)
      const [first] = result.content as { text: string }[]
      return JSON.parse(first?.text ?? 'null') as unknown
    },
  }
}
