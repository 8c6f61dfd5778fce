import { createHash } from 'node:crypto'

import type { Static } from 'typebox'

import type { EndReason } from '../ground/events.ts'
import { endReasons } from '../ground/events.ts'
import { Type } from '../ground/schema.ts'
import { shownPid } from '../workers/driver.ts'

/** `queued → starting → live → closing → closed`: one field, one compare-and-set per transition. */
export const states = ['queued', 'starting', 'live', 'closing', 'closed'] as const
export type SessionState = (typeof states)[number]

const time = (description: string) =>
  Type.Integer({ minimum: 0, description: `${description}, in milliseconds since the epoch` })

const amount = Type.Optional(Type.Number({ minimum: 0 }))

/** What a worker has used; what is not known is left out. */
export const UsageRecord = Type.Object({
  cpuMs: amount,
  peakMemoryBytes: amount,
  processes: amount,
  writtenBytes: amount,
})

/**
 * The pin: all that is known of a session, and all that another replica needs to go on with it.
 * It holds no secret but the public id, and no more than one version of the shape is ever written.
 */
export const SessionRecord = Type.Object({
  v: Type.Literal(1),
  id: Type.String({ description: 'Public id: what clients send as Mcp-Session-Id' }),
  key: Type.Optional(
    Type.String({ description: 'Hash of the name that its client has given it; see keyOf' }),
  ),
  /** Grows by one with every update; a compare-and-set names the one it has seen. */
  version: Type.Integer({ minimum: 1 }),
  state: Type.Enum([...states]),
  server: Type.String(),
  principal: Type.String({ description: '`iss` and `sub` of the token, or `anonymous`' }),
  parent: Type.Optional(
    Type.String({ description: "Handle of the bundle's session that it belongs to" }),
  ),
  workerId: Type.String(),
  host: Type.String({ description: 'Where the worker can be stopped from' }),
  handle: Type.Optional(
    Type.Record(Type.String(), Type.Unknown(), { description: 'WorkerHandle' }),
  ),
  workerSessionId: Type.Optional(Type.String({ description: "The worker's own Mcp-Session-Id" })),
  protocolVersion: Type.Optional(Type.String()),
  client: Type.Optional(Type.String({ description: 'Name and version, as the client says' })),
  initialize: Type.Optional(
    Type.String({ description: 'What its client said in initialize; only where it is reopened' }),
  ),
  reopened: Type.Optional(
    Type.Object(
      {
        /** Handle of the one that its client was given the id of, or that came after that. */
        was: Type.String(),
        reason: Type.Enum([...endReasons]),
        endedAtMs: time('When that one ended'),
        times: Type.Integer({ minimum: 1 }),
      },
      { description: 'Of a session that goes on under the public id of one that has ended' },
    ),
  ),
  openedAtMs: time('When it was opened'),
  liveAtMs: Type.Optional(time('When its worker answered initialize')),
  idleMs: Type.Integer({ minimum: 1 }),
  idleAtMs: time('When it ends for idleness, unless something happens'),
  maxAtMs: time('When it ends, whatever happens'),
  end: Type.Optional(
    Type.Object({
      reason: Type.Enum([...endReasons]),
      atMs: time('When the end began'),
      /** Two gateways may see the same at the same moment while they cannot ask each other. */
      by: Type.Optional(Type.String({ description: 'The gateway that began it' })),
      /** What went wrong, in words for the operator. */
      message: Type.Optional(Type.String()),
      details: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    }),
  ),
  usage: Type.Optional(UsageRecord),
})
/** More is no record of ours, whoever wrote it. */
export const recordLength = 512 * 1024

export type SessionRecord = Static<typeof SessionRecord>
export type SessionEnd = NonNullable<SessionRecord['end']>
export type Reopened = NonNullable<SessionRecord['reopened']>

/** What the owner of a session is told of its end; a stranger is told nothing. */
export function toldOf({ reason, details }: SessionEnd): { reason: EndReason; oom?: true } {
  return { reason, ...(details?.oom === true ? { oom: true } : {}) }
}

/** How a tombstone is kept: long enough for every client to hear why, and no longer. */
export const tombstoneMs = 60 * 60 * 1000

export interface TombstoneLimits {
  /** So many are kept; of more, the oldest go before their hour is over. */
  most: number
  /** So many keep all that is known of their end: the last lines of a worker may take 200 KB. */
  detailed: number
}

export const tombstoneLimits: TombstoneLimits = { most: 10_000, detailed: 200 }

/** Of an older tombstone, an end that takes more bytes than this is cut down to its reason. */
export const longEnd = 2000

/** A tombstone as it is kept when it is not among the newest any more. */
export function leanTombstone({
  workerSessionId: _,
  end,
  ...record
}: SessionRecord): SessionRecord {
  if (end === undefined) return record
  if (JSON.stringify(end).length <= longEnd) return { ...record, end }
  const { reason, atMs, by, details } = end
  const bare: SessionEnd = { reason, atMs, ...(by === undefined ? {} : { by }) }
  return { ...record, end: details?.oom === true ? { ...bare, details: { oom: true } } : bare }
}

/**
 * What a session is found by whose client has named it. Two clients, and two servers, may have
 * chosen the same name.
 */
export function keyOf(name: string, server: string, principal: string): string {
  return createHash('sha256').update([server, principal, name].join('\n')).digest('hex')
}

/** The process of its worker, as people are shown it. */
export const pidOf = ({ handle }: SessionRecord): number | undefined =>
  handle === undefined ? undefined : shownPid(handle)
