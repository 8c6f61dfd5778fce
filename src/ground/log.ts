import { Writable } from 'node:stream'

import type { Logger } from 'pino'
import { pino } from 'pino'
import pretty from 'pino-pretty'

import type { BerthEvents, EventName, Events } from './events.ts'
import { escapedInJson, hasColors, isTerminal } from './terminal.ts'

/**
 * What is never written, wherever it stands in a line. Rooms do not log secrets in the first
 * place; this is the second lock.
 */
export const redacted = [
  'authorization',
  'cookie',
  'dpop',
  'env',
  'headers',
  'nonce',
  'token',
  'password',
  'secret',
  'sessionId',
  'mcpSessionId',
  'mcp-session-id',
]

export interface LogOptions {
  level: string
  isPretty: boolean
  stream: NodeJS.WritableStream
  /** Of lines for people: what takes the place of what they say. Default: nothing does. */
  reworded?: (text: string) => string
}

export function createLogger({
  level,
  isPretty,
  stream,
  reworded = (text) => text,
}: LogOptions): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: {
      paths: redacted.flatMap((name) => [`["${name}"]`, `*["${name}"]`, `*.*["${name}"]`]),
      censor: '[redacted]',
    },
  }
  if (!isPretty)
    return pino(options, isTerminal(stream) ? escaping(stream, (text) => text) : stream)
  const prettyStream = pretty({
    colorize: hasColors(stream),
    translateTime: 'SYS:HH:MM:ss',
    ignore: 'pid,hostname',
    singleLine: true,
    sync: true,
    destination: escaping(stream, reworded),
  })
  return pino(options, prettyStream)
}

/** What workers and clients say stands in the lines, and a terminal would obey it. */
function escaping(stream: NodeJS.WritableStream, reworded: (text: string) => string): Writable {
  return new Writable({
    write(chunk, _encoding, done) {
      stream.write(escapedInJson(reworded(String(chunk))))
      done()
    },
  })
}

type Level = 'debug' | 'info' | 'warn' | 'error'

/** One line for each event; an event that is not here is news, but not for the log. */
const levels: Partial<{ [N in EventName]: Level | ((news: BerthEvents[N]) => Level) }> = {
  'session.opened': 'info',
  'session.live': 'info',
  'session.closed': ({ reason }) => (reason === 'start-failed' ? 'error' : 'info'),
  'session.missed': 'info',
  'exchange.started': 'debug',
  'exchange.ended': 'debug',
  'elicitation.requested': 'info',
  'elicitation.answered': 'info',
  'sampling.requested': 'info',
  'sampling.answered': 'info',
  'roots.requested': 'debug',
  'roots.answered': 'debug',
  'progress.reported': 'info',
  'worker.started': 'info',
  'worker.exited': 'info',
  'operator.warned': 'warn',
  'fault.caught': 'error',
  // That a session ended under a request is no fault, and `session.closed` says why.
  'request.failed': ({ statusCode, code }) =>
    statusCode < 500 ? 'debug' : code === 'ERR_SESSIONS_ENDED' ? 'info' : 'error',
}

/**
 * Writes the news of the house down.
 *
 * @param isOutputShown what workers write is seen beside the log, and left out of it
 */
export function logEvents(
  events: Events,
  logger: Logger,
  { isOutputShown = false }: { isOutputShown?: boolean } = {},
): void {
  events.onAny((name, news) => {
    const level = levels[name] as Level | ((about: typeof news) => Level) | undefined
    if (level === undefined) return
    const at = typeof level === 'function' ? level(news) : level
    logger[at](isOutputShown ? withoutOutput(news) : news, name as string)
  })
}

function withoutOutput(news: object): object {
  if (!('details' in news) || typeof news.details !== 'object') return news
  const { lastLines: _, ...details } = news.details as Record<string, unknown>
  return { ...news, details }
}
