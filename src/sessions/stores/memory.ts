import type { Clock } from '../../clock.ts'
import { judge, takesPlace } from '../lifetime.ts'
import type { SessionRecord } from '../record.ts'
import { tombstoneMs } from '../record.ts'
import type { SessionStore } from '../store.ts'

/** `memory`: the records of one gateway process; they end with it. */
export function createMemoryStore(options: { clock: Clock }): SessionStore {
  const { clock } = options
  const records = new Map<string, SessionRecord>()
  const leases = new Map<string, { owner: string; untilMs: number }>()
  const listeners = new Set<(record: SessionRecord) => void>()
  const places = new Map<string, number>()
  let taken = 0

  const count = (record: SessionRecord, by: 1 | -1): void => {
    taken += by
    const left = (places.get(record.principal) ?? 0) + by
    if (left === 0) places.delete(record.principal)
    else places.set(record.principal, left)
  }
  const forget = (id: string): void => {
    const record = records.get(id)
    if (record === undefined) return
    if (takesPlace(record)) count(record, -1)
    records.delete(id)
    leases.delete(id)
  }
  const burying = clock.every(60_000, () => {
    const beforeMs = clock.now() - tombstoneMs
    for (const [id, { state, end }] of records) {
      if (state === 'closed' && end !== undefined && end.atMs < beforeMs) forget(id)
    }
  })

  return {
    name: 'memory',

    create(record, caps) {
      if (records.has(record.id)) return Promise.resolve('exists')
      if ((places.get(record.principal) ?? 0) >= caps.maxSessionsPerPrincipal) {
        return Promise.resolve('principal-full')
      }
      if (taken >= caps.maxSessions) return Promise.resolve('gateway-full')
      records.set(record.id, { ...record })
      count(record, 1)
      return Promise.resolve('created')
    },

    get(id) {
      const record = records.get(id)
      return Promise.resolve(record === undefined ? undefined : { ...record })
    },

    touch(touches) {
      for (const { id, idleAtMs } of touches) {
        const record = records.get(id)
        if (record === undefined || record.state === 'closing' || record.state === 'closed')
          continue
        if (record.idleAtMs < idleAtMs) record.idleAtMs = idleAtMs
      }
      return Promise.resolve()
    },

    update(id, version, changes) {
      const before = records.get(id)
      if (before?.version !== version) return Promise.resolve(undefined)
      const record = { ...before, ...changes, version: version + 1 }
      records.set(id, record)
      if (takesPlace(before) && !takesPlace(record)) {
        count(before, -1)
        leases.delete(id)
      }
      if (before.end === undefined && record.end !== undefined) {
        for (const listener of listeners) listener({ ...record })
      }
      return Promise.resolve({ ...record })
    },

    remove(id) {
      forget(id)
      return Promise.resolve()
    },

    claimDue({ host, limit, owner, leaseMs }) {
      const nowMs = clock.now()
      const claimed: SessionRecord[] = []
      for (const record of records.values()) {
        if (claimed.length === limit) break
        if (record.host !== host || record.state === 'closed') continue
        if (record.state !== 'closing' && !judge(record, nowMs).due) continue
        const lease = leases.get(record.id)
        if (lease !== undefined && lease.owner !== owner && lease.untilMs > nowMs) continue
        leases.set(record.id, { owner, untilMs: nowMs + leaseMs })
        claimed.push({ ...record })
      }
      return Promise.resolve(claimed)
    },

    async *scan() {
      for (const record of [...records.values()]) yield await Promise.resolve({ ...record })
    },

    // There is one host, and it lives as long as this object does.
    heartbeat: () => Promise.resolve(),

    subscribe(onEnded) {
      listeners.add(onEnded)
      return () => listeners.delete(onEnded)
    },

    close() {
      burying.cancel()
      records.clear()
      leases.clear()
      listeners.clear()
      return Promise.resolve()
    },
  }
}
