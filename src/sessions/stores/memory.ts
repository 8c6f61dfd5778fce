import type { Clock } from '../../ground/clock.ts'
import { judge, takesPlace } from '../lifetime.ts'
import type { SessionRecord, TombstoneLimits } from '../record.ts'
import { leanTombstone, tombstoneLimits, tombstoneMs } from '../record.ts'
import type { CreateOutcome, Lease, SessionStore, StoreListener, StoreQuota } from '../store.ts'

interface Held extends Lease {
  sinceMs: number
}

/** `memory`: the records of one gateway process; they end with it. */
export function createMemoryStore({
  clock,
  tombstones: limits = tombstoneLimits,
}: {
  clock: Clock
  /** Tests alone have others. */
  tombstones?: TombstoneLimits
}): SessionStore {
  const records = new Map<string, SessionRecord>()
  /** Oldest first. */
  const tombstones = new Set<string>()
  /** Those of them that keep all that is known of their end. */
  const detailed = new Set<string>()
  /** Key of a record → its id. */
  const keyed = new Map<string, string>()
  const leases = new Map<string, Held>()
  const listeners = new Set<StoreListener>()
  const principals = new Map<string, number>()
  const hosts = new Map<string, number>()
  /** Ids by quota; of those that are closed some stay until there is no room. */
  const counted = new Map<string, Set<string>>()
  /** `count` */
  const counts = new Map<string, { count: number; untilMs: number }>()
  /** When a host or a replica last gave a sign of life. */
  const alive = new Map<string, number>()
  const installations = new Set<string>()

  const count = (record: SessionRecord, by: 1 | -1): void => {
    add(principals, record.principal, by)
    add(hosts, record.host, by)
  }
  const put = (record: SessionRecord): void => {
    const before = records.get(record.id)
    if (before !== undefined && takesPlace(before)) count(before, -1)
    records.set(record.id, { ...record })
    if (record.state === 'closed') bury(record.id)
    if (takesPlace(record)) count(record, 1)
    else leases.delete(record.id)
    if (record.key === undefined || hasEnded(record)) return
    const namesake = ofKey(record.key)
    if (namesake === undefined || hasEnded(namesake)) keyed.set(record.key, record.id)
  }
  const bury = (id: string): void => {
    tombstones.add(id)
    detailed.add(id)
    const [first] = detailed
    if (detailed.size > limits.detailed && first !== undefined) {
      detailed.delete(first)
      const record = records.get(first)
      if (record !== undefined) records.set(first, leanTombstone(record))
    }
    const [oldest] = tombstones
    if (tombstones.size > limits.most && oldest !== undefined) forget(oldest)
  }
  const ofKey = (key: string): SessionRecord | undefined => records.get(keyed.get(key) ?? '')
  const forget = (id: string): void => {
    const record = records.get(id)
    if (record === undefined) return
    if (takesPlace(record)) count(record, -1)
    records.delete(id)
    tombstones.delete(id)
    detailed.delete(id)
    leases.delete(id)
    if (record.key !== undefined && keyed.get(record.key) === id) keyed.delete(record.key)
  }
  const isLost = (host: string, options: { host: string; lostAfterMs?: number }): boolean => {
    const seenMs = alive.get(`host ${host}`)
    if (options.lostAfterMs === undefined || seenMs === undefined) return false
    return host !== options.host && clock.now() - seenMs >= options.lostAfterMs
  }
  const isHeld = (lease: Held | undefined, owner: string): boolean => {
    if (lease === undefined || lease.owner === owner) return false
    const lastMs = Math.max(lease.sinceMs, alive.get(`owner ${lease.owner}`) ?? 0)
    return clock.now() < lastMs + lease.leaseMs
  }
  const isQuotaFull = ({ key, limit }: StoreQuota): boolean => {
    const ids = counted.get(key)
    if (ids === undefined || ids.size < limit) return false
    for (const id of ids) if (!isCounted(id)) ids.delete(id)
    return ids.size >= limit
  }
  const isCounted = (id: string): boolean => {
    const record = records.get(id)
    return record !== undefined && takesPlace(record)
  }
  const burying = clock.every(60_000, () => {
    const beforeMs = clock.now() - tombstoneMs
    for (const [id, { state, end }] of records) {
      if (state === 'closed' && end !== undefined && end.atMs < beforeMs) forget(id)
    }
    for (const [key, ids] of counted) {
      for (const id of ids) if (!isCounted(id)) ids.delete(id)
      if (ids.size === 0) counted.delete(key)
    }
    for (const [key, { untilMs }] of counts) if (untilMs <= clock.now()) counts.delete(key)
  })

  return {
    name: 'memory',
    isShared: false,
    touchEveryMs: 0,
    now: () => clock.now(),
    isAvailable: () => true,
    problem: () => Promise.resolve(undefined),

    create(record, caps) {
      const namesake = record.key === undefined ? undefined : ofKey(record.key)
      if (records.has(record.id) || (namesake !== undefined && !hasEnded(namesake))) {
        return Promise.resolve('exists')
      }
      const full = caps.quotas?.findIndex(isQuotaFull) ?? -1
      if (full >= 0) return Promise.resolve<CreateOutcome>(`quota-full ${full}`)
      if ((principals.get(record.principal) ?? 0) >= caps.maxSessionsPerPrincipal) {
        return Promise.resolve('principal-full')
      }
      if ((hosts.get(record.host) ?? 0) >= caps.maxSessions) return Promise.resolve('gateway-full')
      put(record)
      for (const { key } of caps.quotas ?? []) {
        counted.set(key, (counted.get(key) ?? new Set()).add(record.id))
      }
      return Promise.resolve('created')
    },

    get(id) {
      const record = records.get(id)
      return Promise.resolve(record === undefined ? undefined : { ...record })
    },

    getByKey(key) {
      const record = ofKey(key)
      return Promise.resolve(record === undefined ? undefined : { ...record })
    },

    touch: (touches) =>
      Promise.resolve(
        touches.map(({ id, idleAtMs }) => {
          const record = records.get(id)
          if (record === undefined || hasEnded(record)) return undefined
          if (record.idleAtMs < idleAtMs) {
            record.idleAtMs = idleAtMs
            leases.delete(id)
          }
          return { version: record.version, idleAtMs: record.idleAtMs }
        }),
      ),

    update(id, version, changes, lease) {
      const before = records.get(id)
      if (before?.version !== version) return Promise.resolve(undefined)
      const record = { ...before, ...changes, version: version + 1 }
      if (lease !== undefined) leases.set(id, { ...lease, sinceMs: clock.now() })
      put(record)
      if (before.end === undefined && record.end !== undefined) {
        for (const { onEnded } of listeners) onEnded({ ...record })
      }
      return Promise.resolve({ ...record })
    },

    restore(record) {
      const stored = records.get(record.id)
      if (stored !== undefined && hasEnded(stored)) return Promise.resolve(false)
      if (stored === undefined || stored.version < record.version) put(record)
      return Promise.resolve(true)
    },

    remove(id) {
      forget(id)
      return Promise.resolve()
    },

    claimDue(options) {
      const { host, limit, owner, leaseMs } = options
      const nowMs = clock.now()
      const claimed: SessionRecord[] = []
      for (const record of records.values()) {
        if (claimed.length === limit) break
        if (record.state === 'closed') continue
        const isDue = record.state === 'closing' || judge(record, nowMs).due
        const isOurs = record.host === host ? isDue : isLost(record.host, options)
        if (!isOurs || isHeld(leases.get(record.id), owner)) continue
        leases.set(record.id, { owner, leaseMs, sinceMs: nowMs })
        claimed.push({ ...record })
      }
      return Promise.resolve(claimed)
    },

    async *scan(host, isKnown = () => false) {
      for (const record of [...records.values()]) {
        if (host !== undefined && (record.host !== host || record.state === 'closed')) continue
        if (isKnown(record.id)) continue
        yield await Promise.resolve({ ...record })
      }
    },

    count(key, more, forMs) {
      const found = counts.get(key)
      const isOver = found === undefined || found.untilMs <= clock.now()
      const now = isOver ? { count: 0, untilMs: clock.now() + forMs } : found
      now.count += more
      if (now.count > 0) counts.set(key, now)
      else counts.delete(key)
      return Promise.resolve({
        count: Math.max(now.count, 0),
        leftMs: now.untilMs - clock.now(),
      })
    },

    heartbeat({ host, owner, installation }) {
      alive.set(`host ${host}`, clock.now()).set(`owner ${owner}`, clock.now())
      return Promise.resolve(installations.has(installation))
    },

    enroll(installation) {
      installations.add(installation)
      return Promise.resolve()
    },

    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },

    close() {
      burying.cancel()
      for (const kept of [records, tombstones, detailed, keyed, leases]) kept.clear()
      for (const kept of [listeners, principals, hosts, counted, counts, alive]) kept.clear()
      return Promise.resolve()
    },
  }
}

function add(counts: Map<string, number>, key: string, by: number): void {
  const left = (counts.get(key) ?? 0) + by
  if (left === 0) counts.delete(key)
  else counts.set(key, left)
}

const hasEnded = ({ state }: SessionRecord): boolean => state === 'closing' || state === 'closed'
