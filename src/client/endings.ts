import { McpError } from '@modelcontextprotocol/sdk/types.js'

import { plainLine } from '../ground/terminal.ts'
import { HttpFailure, LinkLost } from './link.ts'

/** What a server says of a session that has ended. */
export interface Ending {
  /** In half a sentence; undefined if it does not say why. */
  why: string | undefined
  atMs: number | undefined
}

/** Undefined if the error says nothing of an end. */
export function endingOf(error: unknown): Ending | undefined {
  if (error instanceof LinkLost) return endingOf(error.cause)
  if (error instanceof HttpFailure) {
    const { status, code, data, hadSession } = error
    const isGone = hadSession && status === 404
    return isGone || code === 'ERR_SESSIONS_ENDED' ? endingIn(data) : undefined
  }
  if (error instanceof McpError && typeof error.data === 'object' && error.data !== null) {
    const data = error.data as Record<string, unknown>
    return typeof data['reason'] === 'string' ? endingIn(data) : undefined
  }
  return undefined
}

/** For instance `The session has ended at 14:03:07: it was idle for too long.` */
export function endingText({ why, atMs }: Ending): string {
  const when = atMs === undefined ? '' : ` at ${timeText(atMs)}`
  return why === undefined
    ? `The session has ended${when}. The server does not say why.`
    : `The session has ended${when}: ${why}.`
}

const reasons = new Map([
  ['client-deleted', 'a client has ended it'],
  ['idle', 'it was idle for too long'],
  ['max-lifetime', 'it was open for as long as a session may be'],
  ['worker-exited', 'the process of its server has ended'],
  ['stopped', 'somebody has stopped it'],
  ['drained', 'the gateway was stopped'],
  ['evicted', 'it had to make room'],
  ['abandoned', 'its client had gone'],
  ['host-lost', 'the machine of its server was lost'],
  ['upstream-lost', 'the server behind the gateway had lost it'],
])

function endingIn({ reason, oom, endedAt }: Record<string, unknown>): Ending {
  const atMs = typeof endedAt === 'string' ? Date.parse(endedAt) : NaN
  const known = typeof reason === 'string' ? (reasons.get(reason) ?? plainLine(reason)) : undefined
  return {
    why: oom === true ? 'its server had no memory left' : known,
    atMs: Number.isNaN(atMs) ? undefined : atMs,
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
