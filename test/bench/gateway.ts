import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Owner } from '../support/temp.ts'
import { tempDir } from '../support/temp.ts'
import { workerMark } from './measure.ts'
import { projectDir } from './nginx.ts'
import { startTarget, worker } from './targets.ts'

/** A server as a configuration file has it. */
export interface ServerEntry {
  command: string
  args?: string[]
  transport?: 'stdio' | 'http'
  [key: string]: unknown
}

/** The worker of the bench as a server of Berth. */
export const workerEntry = (transport: 'stdio' | 'http'): ServerEntry => ({
  command: process.execPath,
  args: [worker, workerMark],
  transport,
})

export interface Gateway {
  pid: number
  stateDir: string
  url(server: string): string
}

export interface GatewayOptions {
  /** The clone, built. Default: this one. */
  root?: string | undefined
  servers: Record<string, ServerEntry>
}

const anyPorts = ['--listen-port', '0', '--admin-port', '0']

/**
 * Berth as its users start it, from any build: `serve` with a configuration file, its log in a file
 * as a service has it.
 */
export async function startGateway(
  owner: Owner,
  { root = projectDir, servers }: GatewayOptions,
): Promise<Gateway> {
  const stateDir = tempDir(owner)
  const file = join(stateDir, 'berth.json')
  const caps = { maxSessions: 5000, maxQueued: 5000 }
  writeFileSync(file, JSON.stringify({ ...caps, stateDir, mcpServers: servers }))
  const main = join(root, 'dist/src/cli/main.js')
  const { pid, line } = startTarget(owner, {
    command: [process.execPath, main, 'serve', '--config', file, ...anyPorts],
    log: join(stateDir, 'berth.log'),
  })
  for (;;) {
    const [base] = /http:\/\/[\d.]+:\d+/.exec(await line()) ?? []
    if (base !== undefined) return { pid, stateDir, url: (name) => `${base}/servers/${name}/mcp` }
  }
}
