import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { startOf } from './break-outs/processes.ts'

/** Where the canary sits. Pids are those that the process sees itself. */
export interface Planted {
  /** It holds the canary in its memory. */
  pid: number
  /** Field 22 of /proc/PID/stat, the same in every PID namespace; null where there is no /proc. */
  start: string | null
  /** A process that has it in its environment. */
  childPid: number
  /** The folder of the session, and the canary in it. */
  workspace: string
  workspaceFile: string
  temporaryFile: string
  /** On 127.0.0.1; whoever asks over HTTP gets it. */
  port: number
  /** The same on a unix socket; null if its path would be too long. */
  socket: string | null
  /** The same on an abstract one, without the `@`; null where there are none. */
  abstractSocket: string | null
}

// Read again by nobody here: it is there to be found.
const memory: Buffer[] = []
let planting: Promise<Planted> | undefined

/** Puts the canary everywhere, once for each process; its files go when the process ends. */
export function plantCanary(): Promise<Planted> {
  planting ??= plant()
  return planting
}

async function plant(): Promise<Planted> {
  const canary = `canary-${randomBytes(16).toString('hex')}`
  const name = randomBytes(4).toString('hex')
  memory.push(Buffer.from(canary))
  process.env['BERTH_CANARY'] = canary
  const folder = mkdtempSync(join(tmpdir(), 'p-'))
  const workspace = process.env['BERTH_WORKSPACE'] ?? folder
  const workspaceFile = join(workspace, `canary-${name}.txt`)
  const temporaryFile = join(folder, 'canary.txt')
  process.once('exit', () => {
    rmSync(workspaceFile, { force: true })
    rmSync(folder, { recursive: true, force: true })
  })
  for (const file of [workspaceFile, temporaryFile]) {
    writeFileSync(file, `${canary}\n`, { mode: 0o600 })
  }
  const child = await holdInEnvironment(canary)
  const [port, socket, abstractSocket] = await Promise.all([
    listening(canary, { host: '127.0.0.1', port: 0 }),
    listening(canary, { path: join(folder, 's') }).catch(() => null),
    process.platform === 'linux'
      ? listening(canary, { path: `\0berth-canary-${name}` }).catch(() => null)
      : null,
  ])
  return {
    pid: process.pid,
    start: startOf(process.pid) ?? null,
    childPid: child.pid ?? 0,
    workspace,
    workspaceFile,
    temporaryFile,
    port: (port.address() as AddressInfo).port,
    socket: socket === null ? null : join(folder, 's'),
    abstractSocket: abstractSocket === null ? null : `berth-canary-${name}`,
  }
}

/** It ends with this process, however that ends: it only waits for its input, which ends then. */
async function holdInEnvironment(canary: string): Promise<ChildProcess> {
  const child = spawn('sh', ['-c', 'read -r line'], {
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { ...process.env, BERTH_CANARY: canary },
  })
  await once(child, 'spawn')
  return child
}

async function listening(
  canary: string,
  where: { path: string } | { host: string; port: number },
): Promise<Server> {
  const server = createServer((_request, response) => void response.end(canary))
  server.listen(where)
  await once(server, 'listening')
  return server
}
