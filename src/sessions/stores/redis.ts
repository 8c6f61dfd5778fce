import type { Clock } from '../../ground/clock.ts'
import type { RedisStoreConfig } from '../options.ts'
import type { SessionRecord, TombstoneLimits } from '../record.ts'
import type { CreateOutcome, Life, SessionStore, StoreListener, Touched } from '../store.ts'
import { soughtOf } from './redis/client.ts'
import { decode, decodeFlat, decodeMessage, encode } from './redis/codec.ts'
import { isWrongKind } from './redis/failures.ts'
import { keysOf } from './redis/keys.ts'
import { createLink } from './redis/link.ts'
import { createReading } from './redis/reading.ts'
import type { Pulse } from './redis/pulse.ts'
import { startPulse } from './redis/pulse.ts'
import { createScripts, installationMs } from './redis/scripts.ts'

export interface RedisStoreOptions {
  clock: Clock
  /** Tells the operator something. */
  warn?: (message: string) => void
  /** Body of a Lua function that gives the time. Only tests have another clock than Redis' own. */
  luaTime?: string
  /** Only tests have others. */
  tombstones?: TombstoneLimits
  /** How often a thread of its own says that this gateway lives, once it has said so itself. */
  pulseEveryMs?: number
}

/** How many records are read at a time. */
const pageSize = 200

/**
 * `redis`: records that outlive their gateway and are shared by several. One Lua script per
 * transition (`redis/scripts.ts`), by the clock of Redis.
 *
 * @throws ERR_CONFIG_INVALID when Redis cannot be used now, with the reason
 */
export async function createRedisStore(
  config: RedisStoreConfig,
  { clock, luaTime, tombstones, pulseEveryMs, warn = () => undefined }: RedisStoreOptions,
): Promise<SessionStore> {
  const keys = keysOf(config.prefix, config.db)
  const scripts = createScripts(luaTime, tombstones)
  const listeners = new Set<StoreListener>()
  const reading = createReading(warn)
  let life: Life | undefined
  let pulse: Pulse | undefined

  const link = await createLink(config, {
    clock,
    keys,
    scripts,
    onMessage(text) {
      const record = reading.read(undefined, () => decodeMessage(text))
      if (record !== undefined) for (const { onEnded } of listeners) onEnded({ ...record })
    },
    onBack() {
      for (const listener of listeners) listener.onBack()
    },
  })

  const recordsOf = async (ids: readonly string[]): Promise<SessionRecord[]> => {
    if (ids.length === 0) return []
    return link.ask(async (commands) => {
      const pipeline = commands.pipeline()
      for (const id of ids) pipeline.hgetall(keys.session(id))
      const answers = await pipeline.exec()
      return (answers ?? []).flatMap(([error, fields], at) => {
        const look = (): SessionRecord | undefined => {
          if (error !== null) throw error
          return decode(fields as Record<string, string>)
        }
        return reading.read(ids[at], look) ?? []
      })
    })
  }

  const recordOf = (id: string): Promise<SessionRecord | undefined> =>
    reading.ask(id, async () =>
      decode(await link.ask((commands) => commands.hgetall(keys.session(id)))),
    )

  return {
    name: `redis:${soughtOf(config).place} ${config.prefix}`,
    isShared: true,
    touchEveryMs: 1000,
    now: link.now,
    isAvailable: link.isAvailable,
    problem: link.problem,

    async create(record, caps) {
      const { id, host, principal } = record
      const { maxSessions, maxSessionsPerPrincipal, quotas = [] } = caps
      const own = [keys.session(id), keys.host(host), keys.principal(principal), keys.ids]
      const limits = quotas.map(({ limit }) => limit)
      const outcome = await link.run(
        scripts.create,
        [...own, ...quotas.map(({ key }) => keys.quota(key))],
        [id, maxSessions, maxSessionsPerPrincipal, ...limits, ...encode(record)],
      )
      return outcome as CreateOutcome
    },

    get: recordOf,

    async getByKey(key) {
      const id = await link.ask((commands) => commands.get(keys.keyed(key))).catch(noneOfOther)
      return id === null ? undefined : recordOf(id)
    },

    async touch(touches) {
      if (touches.length === 0) return []
      const answers = await link.run(
        scripts.touch,
        touches.map(({ id }) => keys.session(id)),
        touches.flatMap(({ id, idleAtMs }) => [id, idleAtMs]),
      )
      return (answers as ([string, string] | null)[]).map(toTouched)
    },

    async update(id, version, changes, lease) {
      const written = await link.run(
        scripts.update,
        [keys.session(id), keys.ids],
        [id, version, keys.ended, lease?.owner ?? '', lease?.leaseMs ?? 0, ...encode(changes)],
      )
      return written === null ? undefined : reading.read(id, () => decodeFlat(written))
    },

    async restore(record) {
      const { id, version } = record
      const store = async (over: number | ''): Promise<boolean> => {
        const args = [id, over, ...encode(record)]
        return (await link.run(scripts.restore, [keys.session(id), keys.ids], args)) === 1
      }
      if (!(await store(version))) return false
      // A later version that is no record gives way.
      return (await recordOf(id)) !== undefined || store('')
    },

    async remove(id) {
      await link.run(scripts.remove, [keys.session(id), keys.ids], [id])
    },

    async claimDue({ host, limit, owner, leaseMs, lostAfterMs }) {
      const claimed = await link.run(
        scripts.claimDue,
        [keys.host(host), keys.hosts, keys.replicas],
        [host, limit, owner, leaseMs, lostAfterMs ?? ''],
      )
      const records: SessionRecord[] = []
      for (const [id, index, fields] of claimed as [string, string, unknown][]) {
        const record = reading.read(id, () => decodeFlat(fields))
        if (record?.id === id) records.push(record)
        // It would be due for ever, and in the way of others.
        else await link.ask((commands) => commands.zrem(index, id))
      }
      return records
    },

    async *scan(host, isKnown = () => false) {
      const index = host === undefined ? keys.ids : keys.host(host)
      const seen = new Set<string>()
      let cursor = '0'
      do {
        const [next, flat] = await link.ask((commands) =>
          commands.zscan(index, cursor, 'COUNT', pageSize),
        )
        cursor = next
        const ids = flat.filter((id, at) => at % 2 === 0 && !seen.has(id))
        for (const id of ids) seen.add(id)
        for (const record of await recordsOf(ids.filter((id) => !isKnown(id)))) {
          if (host === undefined || (record.host === host && record.state !== 'closed'))
            yield record
        }
      } while (cursor !== '0')
    },

    async count(key, more, forMs) {
      const answer = await link.run(scripts.count, [keys.count(key)], [more, forMs])
      const [count, leftMs] = answer as [number, number]
      return { count, leftMs }
    },

    async heartbeat(next) {
      life = next
      const { host, owner, installation } = next
      const own = [keys.hosts, keys.replicas, keys.installation(installation), keys.ids]
      const timeIn = (answer: unknown): number => (answer as [number, number])[1]
      link.ping()
      pulse?.beat()
      const answer = await link.runTimed(scripts.heartbeat, own, [host, owner], timeIn)
      if (pulseEveryMs !== undefined) {
        pulse ??= startPulse(next, {
          config,
          script: scripts.heartbeat,
          keys: own,
          base: keys.base,
          everyMs: pulseEveryMs,
        })
      }
      return (answer as [number, number])[0] === 1
    },

    async enroll(installation) {
      await link.ask((commands) =>
        commands.set(keys.installation(installation), '1', 'PX', installationMs),
      )
    },

    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },

    async close() {
      await pulse?.stop()
      if (life !== undefined && link.isAvailable()) {
        const { host, owner } = life
        const own = [keys.hosts, keys.replicas, keys.host(host)]
        // What stays when this fails goes by itself.
        await link.run(scripts.leave, own, [host, owner]).catch(() => undefined)
      }
      listeners.clear()
      await link.close()
    },
  }
}

/** Of what is of another kind nothing is known; it is written over. */
function noneOfOther(thrown: unknown): null {
  if (isWrongKind(thrown)) return null
  throw thrown
}

function toTouched(answer: [string, string] | null): Touched | undefined {
  if (answer === null) return undefined
  return { version: Number(answer[0]), idleAtMs: Number(answer[1]) }
}
