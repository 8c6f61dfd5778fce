import type { Readable, Writable } from 'node:stream'

import { createAnswering } from './answering.ts'
import type { Answering } from './answering.ts'
import { connect } from './connect.ts'
import type { Connection } from './connect.ts'
import { toFailure } from './failures.ts'
import { createGiven } from './given.ts'
import type { Given } from './given.ts'
import { createProgressBar } from './progress-bar.ts'
import type { ProgressBar } from './progress-bar.ts'

/** Where the server is, and how to talk to it. */
export interface Target {
  url: URL
  headers: Record<string, string>
  /** How long the server may say nothing while it works; 0: for ever. */
  silenceMs: number
}

/** What the user sees and types. Results go to stdout, everything else to stderr. */
export interface Io {
  stdin: Readable
  stdout: Writable
  stderr: Writable
  /** The user wants to stop. */
  signal: AbortSignal
}

export interface AnswerOptions {
  given: Given
  sampleWith: string | undefined
}

/** A session that is open for the time of one command. */
export interface OpenSession {
  connection: Connection
  bar: ProgressBar
  answering: Answering
}

// What shells report for a program that was stopped with Ctrl-C.
const interruptedExitCode = 130

/**
 * Opens a session, does `work` in it and ends it.
 *
 * @returns the exit code of `work`, or 130 if the user stopped it.
 * @throws Failure with a sentence for the user.
 */
export async function inSession(
  target: Target,
  io: Io,
  work: (session: OpenSession) => Promise<number>,
  answers: AnswerOptions = { given: createGiven(), sampleWith: undefined },
): Promise<number> {
  const { url, headers, silenceMs } = target
  const { stdin, stderr, signal } = io
  const bar = createProgressBar(stderr)
  const answering = createAnswering({ stdin, stderr, ...answers, beforeWriting: bar.hide })
  let connection: Connection | undefined
  try {
    connection = await connect(url, answering.handlers, { headers, silenceMs, signal })
    return await work({ connection, bar, answering })
  } catch (error) {
    if (signal.aborted) return interruptedExitCode
    throw toFailure(error, url)
  } finally {
    bar.finish()
    await connection?.end()
  }
}

/** All pages of a list. A server that repeats itself is stopped. */
export async function allPages<P extends { nextCursor?: string | undefined }, T>(
  fetchPage: (cursor: { cursor?: string }) => Promise<P>,
  itemsOf: (page: P) => T[],
): Promise<T[]> {
  const items: T[] = []
  const seen = new Set<string>()
  let cursor: string | undefined
  do {
    const page = await fetchPage(cursor === undefined ? {} : { cursor })
    items.push(...itemsOf(page))
    cursor = page.nextCursor
    if (cursor !== undefined && seen.has(cursor)) break
    if (cursor !== undefined) seen.add(cursor)
  } while (cursor !== undefined)
  return items
}
