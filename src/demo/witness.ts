import { readlinkSync } from 'node:fs'
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

/** Whether the pids of that namespace are ours to look up. */
export function sharesPids(pidNamespace: string | null): boolean {
  if (pidNamespace === null) return false
  try {
    return readlinkSync('/proc/self/ns/pid') === pidNamespace
  } catch {
    // Only Linux has it.
    return false
  }
}

/** @returns those of `pids` that are still there after `limitMs`. */
export async function processesLeft(pids: number[], limitMs: number): Promise<number[]> {
  const untilMs = Date.now() + limitMs
  for (;;) {
    const left = pids.filter(isRunning)
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
