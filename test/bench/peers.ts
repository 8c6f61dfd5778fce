import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { programIn } from '../../src/ground/programs.ts'
import { freePort } from '../support/free-port.ts'
import { tempDir } from '../support/temp.ts'
import type { ServerEntry } from './gateway.ts'
import type { Bench } from './scope.ts'
import { startTarget, untilListening } from './targets.ts'

/** Another program that serves a stdio server over HTTP, with a process of the server per session. */
export interface Peer {
  name: string
  pid: number
  url: string
}

/** Each that is there, serving this server. */
export async function startPeers(bench: Bench, entry: ServerEntry): Promise<Peer[]> {
  const agentgateway = programIn('agentgateway', process.env['PATH'] ?? '')
  return [
    await startSupergateway(bench, entry),
    ...(agentgateway === undefined ? [] : [await startAgentgateway(bench, agentgateway, entry)]),
  ]
}

export const supergateway = 'supergateway'

async function startSupergateway(bench: Bench, { command, args = [] }: ServerEntry): Promise<Peer> {
  const port = await freePort()
  const { resolve } = createRequire(import.meta.url)
  const main = join(dirname(resolve('supergateway/package.json')), 'dist/index.js')
  const { pid } = startTarget(bench, {
    command: [
      process.execPath,
      main,
      ...['--stdio', [command, ...args].join(' ')],
      ...['--outputTransport', 'streamableHttp', '--stateful', '--port', String(port)],
      // By default it writes every message down; without that it is at its best.
      ...['--logLevel', 'none'],
    ],
  })
  await untilListening(port, bench.signal)
  return { name: supergateway, pid, url: `http://127.0.0.1:${port}/mcp` }
}

async function startAgentgateway(
  bench: Bench,
  path: string,
  { command, args = [] }: ServerEntry,
): Promise<Peer> {
  const port = await freePort()
  const folder = tempDir(bench)
  const file = join(folder, 'agentgateway.json')
  const targets = [{ name: 'tiny', stdio: { cmd: command, args } }]
  const routes = [{ backends: [{ mcp: { targets } }] }]
  writeFileSync(file, JSON.stringify({ binds: [{ port, listeners: [{ routes }] }] }))
  const { pid } = startTarget(bench, {
    command: [path, '-f', file],
    env: { ...process.env, RUST_LOG: 'error' },
  })
  await untilListening(port, bench.signal)
  return { name: 'agentgateway', pid, url: `http://127.0.0.1:${port}/mcp` }
}
