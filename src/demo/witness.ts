import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

import { LATEST_PROTOCOL_VERSION } from '@modelcontextprotocol/sdk/types.js'

/** Knocks at a session from outside, as a client would. @returns the HTTP status. */
export async function knock(url: URL, sessionId: string): Promise<number> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-session-id': sessionId,
      'mcp-protocol-version': LATEST_PROTOCOL_VERSION,
    },
    // A ping does not keep a session alive, so that looking at it does not change it.
    body: JSON.stringify({ jsonrpc: '2.0', id: 'knock', method: 'ping' }),
  })
  await response.body?.cancel()
  return response.status
}

/** @returns whether the session was gone within `limitMs`. */
export async function isGoneWithin(
  limitMs: number,
  url: URL,
  sessionId: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const untilMs = Date.now() + limitMs
  while ((await knock(url, sessionId)) !== 404) {
    if (Date.now() >= untilMs) return false
    await sleep(500, undefined, { signal })
  }
  return true
}

/** What a worker says of itself. In a PID namespace of its own, `pid` counts from 1 again. */
export interface WorkerIdentity {
  pid: number
  pidNamespace: string | null
}

/** The processes of a worker as they are numbered here. */
export interface WorkerProcesses {
  /** The server's own; undefined if it cannot be found from here. */
  server: number | undefined
  all: number[]
}

export function findProcesses({ pid, pidNamespace }: WorkerIdentity): WorkerProcesses {
  if (pidNamespace === namespaceOf('self')) {
    const all = isRunning(pid) ? [pid] : []
    return { server: all[0], all }
  }
  if (pidNamespace === null) return { server: undefined, all: [] }
  const all = numbersIn('/proc').filter((one) => namespaceOf(one) === pidNamespace)
  return { server: all.find((one) => innermostPid(one) === pid), all }
}

/** @returns the processes of these workers that are still there after `limitMs`. */
export async function processesLeft(workers: WorkerIdentity[], limitMs: number): Promise<number[]> {
  const untilMs = Date.now() + limitMs
  for (;;) {
    const left = workers.flatMap((worker) => findProcesses(worker).all)
    if (left.length === 0 || Date.now() >= untilMs) return left
    await sleep(100)
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Null where there are no namespaces, and where this process is not ours to look at. */
function namespaceOf(pid: number | 'self'): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`)
  } catch {
    return null
  }
}

/** A process's number in the innermost of its namespaces. */
function innermostPid(pid: number): number | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(/^NSpid:.*\s(\d+)$/m.exec(status)?.[1])
  } catch {
    // It has just ended.
    return undefined
  }
}

function numbersIn(folder: string): number[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
  } catch {
    return []
  }
}
