import { McpError } from '@modelcontextprotocol/sdk/types.js'

import { isLoopback } from '../ground/loopback.ts'
import { plainLine } from '../ground/terminal.ts'
import { HttpFailure, LinkLost } from './link.ts'

/** What a server says of a session that has ended. */
export interface Ending {
  /** In half a sentence; undefined if it does not say why. */
  why: string | undefined
  atMs: number | undefined
  /** Whether its worker ended by itself, so that what that wrote may tell more. */
  isWorkers: boolean
}

/** Undefined if the error says nothing of an end. */
export function endingOf(error: unknown): Ending | undefined {
  if (error instanceof LinkLost) return endingOf(error.cause)
  if (error instanceof HttpFailure) {
    const { status, code, data, hadSession, said = '' } = error
    const isGone = hadSession && status === 404
    if (isGone || code === 'ERR_SESSIONS_ENDED') return endingIn(data)
    return hadSession && status === 502 ? workerEndingIn(said) : undefined
  }
  if (!(error instanceof McpError)) return undefined
  if (typeof error.data === 'object' && error.data !== null) {
    const data = error.data as Record<string, unknown>
    return typeof data['reason'] === 'string' ? endingIn(data) : undefined
  }
  return workerEndingIn(error.message)
}

/** A Berth says it of the requests that a worker left open, and knows no more of the end yet. */
function workerEndingIn(said: string): Ending | undefined {
  const [, how] = /\bThe server (?:has )?ended \((.+)\)(?: before it answered)?\.$/.exec(said) ?? []
  return how === undefined ? undefined : endingIn({ reason: 'worker-exited', how })
}

/** For instance `The session ended at 14:03:07: it was idle for too long.` */
export function endingText({ why, atMs, isWorkers }: Ending, url: URL): string {
  const when = atMs === undefined ? 'has ended' : `ended at ${timeText(atMs)}`
  const more = isWorkers && isLocal(url) ? ' mcp-berth logs shows what it wrote.' : ''
  return why === undefined
    ? `The session ${when}. The server does not say why.`
    : `The session ${when}: ${why}.${more}`
}

/** Whether whoever asks may well be the operator, too. */
export function isLocal({ hostname }: URL): boolean {
  return isLoopback(hostname)
}

const reasons = new Map([
  ['client-deleted', 'a client has ended it'],
  ['idle', 'it was idle for too long'],
  ['max-lifetime', 'it was open for as long as a session may be'],
  ['worker-exited', 'the process of its server has ended'],
  ['stopped', 'somebody has stopped it'],
  ['drained', 'the gateway was stopped'],
  ['evicted', 'it had to make room'],
  ['memory-short', 'the machine had too little memory left'],
  ['abandoned', 'its client had gone'],
  ['host-lost', 'the machine of its server was lost'],
  ['upstream-lost', 'the server behind the gateway had lost it'],
])

function endingIn({ reason, oom, how, endedAt }: Record<string, unknown>): Ending {
  const atMs = typeof endedAt === 'string' ? Date.parse(endedAt) : NaN
  const known = typeof reason === 'string' ? (reasons.get(reason) ?? plainLine(reason)) : undefined
  const ended = typeof how === 'string' ? `${known ?? ''} (${plainLine(how)})` : known
  return {
    why: oom === true ? 'its server had no memory left' : ended,
    atMs: Number.isNaN(atMs) ? undefined : atMs,
    isWorkers: reason === 'worker-exited',
  }
}

/** The time of the day, and the day if it is another one. */
function timeText(atMs: number): string {
  const at = new Date(atMs)
  const two = (number: number): string => String(number).padStart(2, '0')
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')
  if (at.toDateString() === new Date().toDateString()) return time
  return `${[at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-')} ${time}`
}
