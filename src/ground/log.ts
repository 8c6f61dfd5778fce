import { Writable } from 'node:stream'

import type { Logger } from 'pino'
import { pino } from 'pino'
import pretty from 'pino-pretty'

import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'
import type { BerthEvents, EventName, Events } from './events.ts'
import { createFloodLimit, shortenedIn } from './flood.ts'
import { escapedInJson, hasColors, isTerminal } from './terminal.ts'

/**
 * What is never written, wherever it stands in a line. Rooms do not log secrets in the first
 * place; this is the second lock.
 */
export const redacted = [
  'authorization',
  'x-api-key',
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
  'session.reopened': 'info',
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
  'warm.started': 'debug',
  'warm.claimed': 'info',
  'warm.missed': 'debug',
  'warm.retired': 'debug',
  'warm.failed': 'debug',
  'operator.warned': 'warn',
  'fault.caught': 'error',
  // That a session ended under a request is no fault, and `session.closed` says why.
  'request.failed': ({ statusCode, code }) => {
    if (statusCode < 500) return refusals.has(statusCode) ? 'info' : 'debug'
    return code === 'ERR_SESSIONS_ENDED' ? 'info' : 'error'
  },
}

/** Who was not let in, or was too slow, or has asked for too much: the operator may have to do something. */
const refusals = new Set([401, 403, 408, 429])
/** Of each code, in a window: whoever reaches the gateway can make as many as they like. */
const refusalsAtMost = 20

/** News that a worker or a client can make as many of as it likes. */
const atWill =
  /^(session\.missed|exchange\.|elicitation\.|sampling\.|roots\.|progress\.|request\.|fault\.)/

/** Whom too many lines are counted for, and told of. */
interface Source {
  session?: string
  server?: string
  code?: string
}

function sourceOf(name: string, news: object): Source {
  const { session, server, code } = news as Source
  if (name === 'request.failed') return code === undefined ? {} : { code }
  // What a client calls a session may be made up.
  const isKnown = session !== undefined && name !== 'session.missed'
  return { ...(isKnown ? { session } : {}), ...(server === undefined ? {} : { server }) }
}

/**
 * Writes the news of the house down: texts shortened, and no more than so much of one source at a time.
 *
 * @param isOutputShown what workers write is seen beside the log, and left out of it
 */
export function logEvents(
  events: Events,
  logger: Logger,
  { isOutputShown = false, clock = systemClock }: { isOutputShown?: boolean; clock?: Clock } = {},
): void {
  const tell = (source: Source, leftOut: number): void =>
    logger.warn({ ...source, leftOut }, 'lines.left-out')
  const flood = createFloodLimit<Source>(clock, tell)
  const refused = createFloodLimit<Source>(clock, tell, refusalsAtMost)
  for (const name of Object.keys(levels) as EventName[]) listen(name)

  function listen(name: EventName): void {
    const level = levels[name] as Level | ((news: never) => Level)
    // What is never written is not listened to: some of it happens with every call.
    if (typeof level === 'string' && !logger.isLevelEnabled(level)) return
    events.on(name, (news) =>
      write(name, typeof level === 'string' ? level : level(news as never), news),
    )
  }

  function write(name: EventName, at: Level, news: object): void {
    if (!logger.isLevelEnabled(at)) return
    const shown = shortenedIn(isOutputShown ? withoutOutput(news) : news)
    if (atWill.test(name)) {
      const source = sourceOf(name, news)
      const key = source.session ?? `${name} ${source.server ?? source.code ?? ''}`
      const limit = isRefusal(news) ? refused : flood
      if (!limit.admits(key, source, JSON.stringify(shown).length)) return
    }
    logger[at](shown, name)
  }
}

const isRefusal = (news: object): boolean =>
  'statusCode' in news && refusals.has(Number(news.statusCode))

function withoutOutput(news: object): object {
  if (!('details' in news) || typeof news.details !== 'object') return news
  const { lastLines: _, ...details } = news.details as Record<string, unknown>
  return { ...news, details }
}
