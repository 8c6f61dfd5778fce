import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Owner } from '../support/temp.ts'
import { compiled } from '../support/config.ts'
import { tempDir } from '../support/temp.ts'
import { workerMark } from './measure.ts'
import { projectDir } from './nginx.ts'
import type { Bench } from './scope.ts'
import { startTarget, worker } from './targets.ts'

/** A server as a configuration file has it. */
export type Entry = ServerEntry | { url: string }

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
  bundle(name: string): string
  /** Settles when all its garbage was collected. */
  collect(): Promise<void>
}

export interface GatewayOptions {
  /** The clone, built. Default: this one. */
  root?: string | undefined
  /** Of Node. */
  flags?: string[]
  servers: Record<string, Entry>
  bundles?: Record<string, object> | undefined
}

const anyPorts = ['--listen-port', '0', '--admin-port', '0']

/**
 * Berth as its users start it, from any build: `serve` with a configuration file, its log in a file
 * as a service has it.
 */
export async function startGateway(
  owner: Owner,
  { root = projectDir, flags = [], servers, bundles }: GatewayOptions,
): Promise<Gateway> {
  const stateDir = tempDir(owner)
  const file = join(stateDir, 'berth.json')
  const caps = { maxSessions: 5000, maxQueued: 5000 }
  writeFileSync(file, JSON.stringify({ ...caps, stateDir, mcpServers: servers, bundles }))
  const main = join(root, 'dist/src/cli/main.js')
  const collector = ['--expose-gc', '--import', compiled('test/bench/collect.js')]
  const target = startTarget(owner, {
    command: [
      process.execPath,
      ...flags,
      ...collector,
      main,
      'serve',
      '--config',
      file,
      ...anyPorts,
    ],
    log: join(stateDir, 'berth.log'),
  })
  const found = async (pattern: RegExp): Promise<string> => {
    for (;;) {
      const [match] = pattern.exec(await target.line()) ?? []
      if (match !== undefined) return match
    }
  }
  const base = await found(/http:\/\/[\d.]+:\d+/)
  return {
    pid: target.pid,
    stateDir,
    url: (name) => `${base}/servers/${name}/mcp`,
    bundle: (name) => `${base}/bundles/${name}/mcp`,
    async collect() {
      target.process.kill('SIGUSR2')
      await found(/^collected$/)
    },
  }
}

export interface Build extends Gateway {
  name: string
}

/** This build, and the older one that it is compared with. */
export async function startBuilds(bench: Bench, servers: Record<string, Entry>): Promise<Build[]> {
  const { against } = bench.options
  const roots: [string, string][] = [['berth', projectDir]]
  if (against !== undefined) roots.push(['berth before', against])
  const builds: Build[] = []
  for (const [name, root] of roots) {
    builds.push({ name, ...(await startGateway(bench, { root, servers })) })
  }
  return builds
}
