import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'

import type { SessionEnd, SessionRecord } from '../../../src/sessions/record.ts'
import type { SessionStore, StoreCaps } from '../../../src/sessions/store.ts'

/** A store with nothing in it, and its clock. */
export interface StoreUnderTest {
  store: SessionStore
  nowMs(): number
  /** Moves the store's own clock on, and lets what is due there happen. */
  advance(ms: number): Promise<void>
}

export type CreateStore = (t: TestContext) => Promise<StoreUnderTest>

export const room: StoreCaps = { maxSessions: 100, maxSessionsPerPrincipal: 100 }
let count = 0

export function recordAt(nowMs: number, changes: Partial<SessionRecord> = {}): SessionRecord {
  count += 1
  return {
    v: 1,
    id: `id-${count}`,
    version: 1,
    state: 'queued',
    server: 'server',
    principal: 'adam',
    workerId: `worker-${count}`,
    host: 'here',
    openedAtMs: nowMs,
    idleMs: 1000,
    idleAtMs: nowMs + 10_000,
    maxAtMs: nowMs + 10_000,
    ...changes,
  }
}

export const endAt = (atMs: number): SessionEnd => ({ reason: 'idle', atMs })

/** A store with one record in it, that was brought to `live`. */
export async function withLive(create: CreateStore, t: TestContext) {
  const under = await create(t)
  const { store, nowMs } = under
  const { id, idleMs, ...record } = recordAt(nowMs())
  assert.equal(await store.create({ id, idleMs, ...record }, room), 'created')
  await store.update(id, 1, { state: 'starting' })
  const live = await store.update(id, 2, { state: 'live', idleAtMs: nowMs() + idleMs })
  assert.equal(live?.version, 3)
  return { ...under, id, live }
}

/** The ids of what a store shows, sorted. */
export async function shownBy(
  store: SessionStore,
  host?: string,
  known: string[] = [],
): Promise<string[]> {
  const shown: string[] = []
  for await (const { id } of store.scan(host, (other) => known.includes(other))) shown.push(id)
  return shown.sort()
}

/** Ends a session of that version for good. */
export async function end(store: SessionStore, id: string, version: number): Promise<void> {
  await store.update(id, version, { state: 'closing', end: endAt(1) })
  await store.update(id, version + 1, { state: 'closed' })
}
