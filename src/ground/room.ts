import { readFileSync, readdirSync, statSync } from 'node:fs'

import { GatewayError } from './errors.ts'

/** What a gateway has open before anybody comes: its program, its listeners, logs, stores. */
const ownFiles = 64
/** What lets it go on with what it has begun when nothing new is begun. */
const spareFiles = 24
/** More are of no use to one process, however many files it may open. */
const connectionsAtMost = 16_384
/** Where nobody says how many files there may be. */
const usualLimit = 4096

/** How many files this process may have open, sockets included. */
export function openFilesLimit(limits = limitsText()): number {
  const soft = /^Max open files +(\d+|unlimited)/m.exec(limits)?.[1]
  return soft === 'unlimited' ? Infinity : Number(soft ?? usualLimit)
}

/**
 * How many clients may be connected: each has one file here and, while something is in progress, one
 * towards its worker; as many are left to the sessions themselves.
 */
export function connectionsWithin(limit = openFilesLimit()): number {
  return Math.min(Math.max(Math.floor((limit - ownFiles) / 3), 8), connectionsAtMost)
}

/** Whether so few files may still be opened that nothing new is to be begun. */
export function isShortOfFiles(limit = openFilesLimit()): boolean {
  if (limit === Infinity) return false
  try {
    return openFiles(limit - spareFiles) > limit - spareFiles
  } catch (thrown) {
    return isOutOfRoom(thrown)
  }
}

/**
 * How many files this process has open; fewer than that when they are not more than `enough`. To list
 * them takes longer the more there are (8 000: 10 ms and more), and every start of a worker asks.
 */
export function openFiles(enough: number, { stat = statSync, read = readFileSync } = {}): number {
  // Since Linux 6.2 their number is the size of the folder.
  const { size } = stat('/proc/self/fd')
  if (size > 0) return size
  // The table has grown with the highest number that there ever was.
  const table = /^FDSize:\s+(\d+)/m.exec(read('/proc/self/status', 'latin1'))?.[1]
  if (table !== undefined && Number(table) <= enough) return 0
  return readdirSync('/proc/self/fd').length
}

const codes = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM'])

/** Whether the machine, or a limit of this process, has no file, process or memory left for it. */
export function isOutOfRoom(thrown: unknown): boolean {
  for (let at = thrown, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth += 1) {
    if ('code' in at && codes.has(String(at.code))) return true
  }
  return false
}

/** How soon somebody else may have ended something. */
const retryAfterSeconds = 10

/** What is told of a worker that cannot be started, or reached, for want of room. */
export function noRoomError(why: string, cause?: unknown): GatewayError {
  return new GatewayError('ERR_WORKERS_NO_ROOM', { params: { why }, cause, retryAfterSeconds })
}

/** The same of what programs write when they fail for it. */
export function saysOutOfRoom(text: string): boolean {
  return /\b(EMFILE|ENFILE|EAGAIN|ENOMEM)\b|Resource temporarily unavailable|Cannot (fork|allocate memory)|Too many open files|uv_thread_create|pthread_create/i.test(
    text,
  )
}

function limitsText(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8')
  } catch {
    return ''
  }
}
