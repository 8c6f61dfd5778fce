import { setTimeout } from 'node:timers/promises'

import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'

import { GatewayError } from '../../ground/errors.ts'
import { guarded, inBackground, tellFault } from '../../ground/guarded.ts'
import { handleOf } from '../../ground/handle.ts'
import { Type } from '../../ground/schema.ts'
import type { SessionDirectories } from '../../sessions/directories.ts'
import type { Sessions } from '../../sessions/manager.ts'
import { followOutput } from '../../sessions/output.ts'
import type { SessionRecord } from '../../sessions/record.ts'
import { pidOf, states, UsageRecord } from '../../sessions/record.ts'

const time = Type.String({ description: 'ISO 8601' })

/** What a server is limited to: bytes, cores or a number, and what enforces that, or why nothing does. */
export const LimitView = Type.Object({
  limit: Type.String(),
  value: Type.Number(),
  by: Type.Union([Type.String(), Type.Null()]),
  why: Type.Optional(Type.String()),
})
export type LimitView = Static<typeof LimitView>

/** A session as the admin API shows it: by its short handle, never by its public id. */
export const SessionView = Type.Object({
  handle: Type.String(),
  server: Type.String(),
  principal: Type.String(),
  state: Type.Enum([...states]),
  client: Type.Optional(Type.String()),
  protocolVersion: Type.Optional(Type.String()),
  driver: Type.Optional(Type.String()),
  workerId: Type.String(),
  pid: Type.Optional(Type.Integer()),
  /** The session of the bundle that it belongs to. */
  parent: Type.Optional(Type.String()),
  /** It goes on under the public id of `was`, which had ended. */
  reopened: Type.Optional(
    Type.Object({ was: Type.String(), reason: Type.String(), times: Type.Integer() }),
  ),
  openedAt: time,
  liveAt: Type.Optional(time),
  idleEndsAt: Type.Optional(time),
  maxEndsAt: time,
  openExchanges: Type.Integer(),
  counts: Type.Optional(Type.Record(Type.String(), Type.Integer())),
  limits: Type.Optional(Type.Array(LimitView)),
  /** Of an open session only where one is shown: it takes a question to its worker. */
  usage: Type.Optional(UsageRecord),
  end: Type.Optional(
    Type.Object({
      reason: Type.String(),
      at: time,
      message: Type.Optional(Type.String()),
      details: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    }),
  ),
})
export type SessionView = Static<typeof SessionView>

/** A worker that stands still must not keep the operator from looking at it. */
const usageWaitMs = 1000

const Params = Type.Object({ handle: Type.String({ minLength: 1, maxLength: 64 }) })
const ListQuery = Type.Object({ all: Type.Optional(Type.Boolean()) })
const LogsQuery = Type.Object({
  lines: Type.Integer({ minimum: 0, maximum: 100_000, default: 1000 }),
  follow: Type.Optional(Type.Boolean()),
})

export interface SessionRoutesOptions {
  sessions: Sessions
  directories: SessionDirectories
  /** The limits of a server, and what enforces them here. */
  limitsOf(server: string): readonly LimitView[]
}

export function sessionRoutes(
  app: FastifyInstance,
  options: SessionRoutesOptions,
  done: () => void,
): void {
  const { sessions, directories } = options

  app.get<{ Querystring: Static<typeof ListQuery> }>(
    '/sessions',
    {
      schema: {
        querystring: ListQuery,
        response: { 200: Type.Object({ sessions: Type.Array(SessionView) }) },
      },
    },
    async ({ query }) => {
      const records = await sessions.records()
      const shown = records
        .filter(({ state }) => query.all === true || state !== 'closed')
        .sort((a, b) => a.openedAtMs - b.openedAtMs)
      return { sessions: shown.map(view) }
    },
  )

  app.get<{ Params: Static<typeof Params> }>(
    '/sessions/:handle',
    { schema: { params: Params, response: { 200: SessionView } } },
    async ({ params }) => {
      const record = await find(params.handle)
      const usage = record.usage ?? (await usageNow(record))
      return { ...view(record), ...optional('usage', usage) }
    },
  )

  app.delete<{ Params: Static<typeof Params> }>(
    '/sessions/:handle',
    { schema: { params: Params, response: { 200: SessionView } } },
    async ({ params }) => {
      const record = await find(params.handle)
      if (record.state !== 'closed') await sessions.stop(record)
      return view(await find(handleOf(record.id)))
    },
  )

  app.get<{ Params: Static<typeof Params>; Querystring: Static<typeof LogsQuery> }>(
    '/sessions/:handle/logs',
    { schema: { params: Params, querystring: LogsQuery } },
    async ({ method, params, query }, reply) => {
      const record = await find(params.handle)
      const handle = handleOf(record.id)
      const session = sessions.list().find(({ id }) => id === record.id)
      const until = new AbortController()
      // A worker may write until it is gone; then one more look, and that is all.
      const stop = guarded(() => until.abort(), tellFault('following output'))
      const forget = session?.onEnding(() => {
        inBackground(Promise.resolve(session.closed).finally(stop), () => undefined)
      })
      const left = guarded(() => {
        forget?.()
        stop()
      }, tellFault('following output'))
      reply.raw.once('close', left)
      reply.hijack()
      reply.raw.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' })
      reply.raw.flushHeaders()
      await followOutput({
        file: directories.of(handle).outputFile,
        lines: query.lines,
        ...(query.follow === true && method === 'GET' && session !== undefined
          ? { until: until.signal }
          : {}),
        onLine: (line) => reply.raw.write(`${line}\n`),
      })
      reply.raw.end()
    },
  )

  done()

  async function find(name: string): Promise<SessionRecord> {
    const records = await sessions.records()
    // Whoever knows the public id may name the session by it.
    const found = records.filter(({ id }) => id === name || handleOf(id).startsWith(name))
    const [record] = found
    if (record === undefined) {
      throw new GatewayError('ERR_ADMIN_UNKNOWN_SESSION', { params: { handle: name.slice(0, 8) } })
    }
    if (found.length > 1) {
      throw new GatewayError('ERR_ADMIN_AMBIGUOUS', { params: { handle: name } })
    }
    return record
  }

  async function usageNow({ id }: SessionRecord): Promise<SessionRecord['usage']> {
    const worker = sessions.list().find((session) => session.id === id)?.worker
    if (worker === undefined) return undefined
    const limit = setTimeout(usageWaitMs, undefined, { ref: false })
    const usage = await Promise.race([worker.usage(), limit])
    return usage === undefined || Object.keys(usage).length === 0 ? undefined : usage
  }

  function view(record: SessionRecord): SessionView {
    const session = sessions.list().find(({ id }) => id === record.id)
    const limits = options.limitsOf(record.server)
    const { handle: worker, end } = record
    const isOpen = record.state !== 'closed'
    return {
      handle: handleOf(record.id),
      server: record.server,
      principal: record.principal,
      state: record.state,
      ...optional('client', record.client),
      ...optional('protocolVersion', record.protocolVersion),
      ...optional('driver', typeof worker?.driver === 'string' ? worker.driver : undefined),
      workerId: record.workerId,
      ...optional('pid', isOpen ? pidOf(record) : undefined),
      ...optional('parent', record.parent),
      ...optional('reopened', reopenedView(record)),
      openedAt: iso(record.openedAtMs),
      ...optional('liveAt', record.liveAtMs === undefined ? undefined : iso(record.liveAtMs)),
      ...optional('idleEndsAt', record.state === 'live' ? iso(record.idleAtMs) : undefined),
      maxEndsAt: iso(record.maxAtMs),
      openExchanges: session?.carried ?? 0,
      ...optional('counts', session === undefined ? undefined : { ...session.counts }),
      ...optional('limits', limits.length === 0 ? undefined : [...limits]),
      ...optional('usage', record.usage),
      ...(end === undefined
        ? {}
        : {
            end: {
              reason: end.reason,
              at: iso(end.atMs),
              ...optional('message', end.message),
              ...optional('details', end.details),
            },
          }),
    }
  }
}

function reopenedView({ reopened }: SessionRecord): SessionView['reopened'] {
  if (reopened === undefined) return undefined
  const { was, reason, times } = reopened
  return { was, reason, times }
}

const iso = (ms: number): string => new Date(ms).toISOString()

function optional<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [key]: value } as Partial<Record<K, V>>)
}
