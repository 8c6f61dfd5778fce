import type { Readable, Writable } from 'node:stream'

import { quoted } from '../ground/shell.ts'
import { plainLine } from '../ground/terminal.ts'
import { createAnswering } from './answering.ts'
import type { Answering } from './answering.ts'
import { connect } from './connect.ts'
import type { Connection, ConnectOptions, Handlers } from './connect.ts'
import { endingOf } from './endings.ts'
import { Failure, toFailure } from './failures.ts'
import { createGiven } from './given.ts'
import type { Given } from './given.ts'
import { HttpFailure } from './link.ts'
import { createProgressBar } from './progress-bar.ts'
import type { ProgressBar } from './progress-bar.ts'
import { createRemembered } from './remembered.ts'

/** Where the server is, and how to talk to it. */
export interface Target {
  url: URL
  headers: Record<string, string>
  /** How long the server may say nothing while it works; 0: for ever. */
  silenceMs: number
  /** The id of an open session to go on with, which stays open then. */
  session: string | undefined
  /** The folder where it is remembered what kept sessions have agreed on. */
  keptIn: string
}

/** What the user sees and types. Results go to stdout, everything else to stderr. */
export interface Io {
  stdin: Readable
  stdout: Writable
  stderr: Writable
  /** The user wants to stop. */
  signal: AbortSignal
  /** Puts what the user has typed in place of `mcp-berth`, where a text names a command. */
  asCalled(text: string): string
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
  /** Lets the session outlive the command. @returns its id; undefined if the server gave it none. */
  keep(): string | undefined
}

// What shells report for a program that was stopped with Ctrl-C.
const interruptedExitCode = 130

/**
 * Opens a session, does `work` in it and ends it; or goes on with one that is open.
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
  const { stdin, stderr, signal } = io
  const bar = createProgressBar(stderr)
  const answering = createAnswering({ stdin, stderr, ...answers, beforeWriting: bar.hide })
  let connection: Connection | undefined
  let isLeft = target.session !== undefined
  const keep = (): string | undefined => {
    isLeft = true
    return connection && keepInMind(target, connection)
  }
  try {
    connection = await connectTo(target, answering.handlers, { signal })
    return await work({ connection, bar, answering, keep })
  } catch (error) {
    if (signal.aborted) return interruptedExitCode
    throw sessionFailure(error, target)
  } finally {
    bar.finish()
    await (isLeft ? connection?.leave() : connection?.end())
  }
}

/** @throws what `connect` throws. */
export function connectTo(
  { url, headers, silenceMs, session: id, keptIn }: Target,
  handlers: Handlers,
  options: Pick<ConnectOptions, 'signal' | 'onGone' | 'isPatient'>,
): Promise<Connection> {
  const session =
    id === undefined ? undefined : { id, agreed: createRemembered(keptIn).recall(url, id) }
  return connect(url, handlers, { headers, silenceMs, ...(session && { session }), ...options })
}

/** @returns the id; undefined if the server keeps no sessions. */
export function keepInMind(
  { url, keptIn }: Target,
  { sessionId, agreed }: Connection,
): string | undefined {
  if (sessionId !== undefined && agreed !== undefined) {
    createRemembered(keptIn).keep(url, sessionId, agreed)
  }
  return sessionId
}

/** The same with a word on `--session`, where that is what was wrong. */
export function sessionFailure(error: unknown, { url, session }: Target): Failure {
  const failure = toFailure(error, url)
  if (session === undefined) return failure
  const isOver = error instanceof HttpFailure && error.status === 404
  // What servers answer that are built with the SDK.
  const isUnknown = error instanceof HttpFailure && error.status === 400
  if (!isOver && !isUnknown && endingOf(error) === undefined) return failure
  const hint = 'Without --session a new one is opened.'
  if (endingOf(error)?.why !== undefined) return new Failure(`${failure.message} ${hint}`, error)
  if (/^[0-9a-f]{8}$/.test(session)) {
    return new Failure(
      `${session} is the short id that mcp-berth sessions shows. --session takes the Mcp-Session-Id that --keep printed. ${hint}`,
      error,
    )
  }
  return new Failure(
    plainLine(
      `${url.href} knows no session ${session}. It has ended, or belongs to somebody else or to another server. ${hint}`,
    ),
    error,
  )
}

/** How to go on with a session that was kept. `words`: what stands after the URL. */
export function goOnLines(
  { url, headers }: Target,
  command: string,
  words: string[],
  id: string | undefined,
): string[] {
  if (id === undefined) return ['The server keeps no sessions, so there is none to go on with.']
  const header = Object.keys(headers).length > 0 ? ', with the same --header' : ''
  const line = ['mcp-berth', command, ...[url.href, ...words, '--session', id].map(quoted)].join(
    ' ',
  )
  return [`The session stays open. To go on with it${header}:`, `  ${plainLine(line)}`]
}
