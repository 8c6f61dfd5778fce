import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

import { LATEST_PROTOCOL_VERSION } from '@modelcontextprotocol/sdk/types.js'

import { startTimeOf } from '../ground/process-tree.ts'

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

/** A process that was seen. By its pid alone a later one could be taken for it. */
export interface Seen {
  pid: number
  startTime: string
}

/** The processes of a worker as they are numbered here. */
export interface WorkerProcesses {
  /** The server's own; undefined if it cannot be found from here. */
  server: number | undefined
  all: Seen[]
}

/**
 * To be called while the worker is there: the number of a PID namespace belongs to the next one as
 * soon as this one has ended, and that may be another gateway's.
 */
export function findProcesses({ pid, pidNamespace }: WorkerIdentity): WorkerProcesses {
  if (pidNamespace === namespaceOf('self')) {
    const all = seen([pid])
    return { server: all[0]?.pid, all }
  }
  if (pidNamespace === null) return { server: undefined, all: [] }
  const all = seen(numbersIn('/proc').filter((one) => namespaceOf(one) === pidNamespace))
  return { server: all.find((one) => innermostPid(one.pid) === pid)?.pid, all }
}

/** @returns which of them are still there after `limitMs`. */
export async function processesLeft(processes: Seen[], limitMs: number): Promise<number[]> {
  const untilMs = Date.now() + limitMs
  for (;;) {
    const left = processes.filter(({ pid, startTime }) => startTimeOf(pid) === startTime)
    if (left.length === 0 || Date.now() >= untilMs) return left.map(({ pid }) => pid)
    await sleep(100)
  }
}

function seen(pids: number[]): Seen[] {
  return pids.flatMap((pid) => {
    const startTime = startTimeOf(pid)
    return startTime === undefined ? [] : [{ pid, startTime }]
  })
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
