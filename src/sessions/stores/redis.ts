import type { Clock } from '../../ground/clock.ts'
import { parseJson } from '../../ground/json.ts'
import type { RedisStoreConfig } from '../options.ts'
import type { SessionRecord } from '../record.ts'
import { recordLength } from '../record.ts'
import type { CreateOutcome, Life, SessionStore, StoreListener, Touched } from '../store.ts'
import { soughtOf } from './redis/client.ts'
import { decode, decodeFlat, encode } from './redis/codec.ts'
import { keysOf } from './redis/keys.ts'
import { createLink } from './redis/link.ts'
import { createScripts, installationMs } from './redis/scripts.ts'

export interface RedisStoreOptions {
  clock: Clock
  /** Body of a Lua function that gives the time. Only tests have another clock than Redis' own. */
  luaTime?: string
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
  { clock, luaTime }: RedisStoreOptions,
): Promise<SessionStore> {
  const keys = keysOf(config.prefix, config.db)
  const scripts = createScripts(luaTime)
  const listeners = new Set<StoreListener>()
  let life: Life | undefined

  const link = await createLink(config, {
    clock,
    keys,
    scripts,
    onMessage(text) {
      const read = parseJson(text, recordLength)
      const record = read.ok && isFlat(read.value) ? decodeFlat(read.value) : undefined
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
      return (answers ?? []).flatMap(([error, fields]) => {
        if (error !== null) throw error
        return decode(fields as Record<string, string>) ?? []
      })
    })
  }

  return {
    name: `redis:${soughtOf(config).place} ${config.prefix}`,
    isShared: true,
    touchEveryMs: 1000,
    now: link.now,
    isAvailable: link.isAvailable,
    problem: link.problem,

    async create(record, caps) {
      const { id, host, principal } = record
      const outcome = await link.run(
        scripts.create,
        [keys.session(id), keys.host(host), keys.principal(principal), keys.ids],
        [id, caps.maxSessions, caps.maxSessionsPerPrincipal, ...encode(record)],
      )
      return outcome as CreateOutcome
    },

    async get(id) {
      return decode(await link.ask((commands) => commands.hgetall(keys.session(id))))
    },

    async getByKey(key) {
      return link.ask(async (commands) => {
        const id = await commands.get(keys.keyed(key))
        return id === null ? undefined : decode(await commands.hgetall(keys.session(id)))
      })
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
      return written === null ? undefined : decodeFlat(written as string[])
    },

    async restore(record) {
      const { id, version } = record
      const isStored = await link.run(
        scripts.restore,
        [keys.session(id), keys.ids],
        [id, version, ...encode(record)],
      )
      return isStored === 1
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
      return (claimed as string[][]).flatMap((flat) => decodeFlat(flat) ?? [])
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

    async heartbeat(next) {
      life = next
      const { host, owner, installation } = next
      const own = [keys.hosts, keys.replicas, keys.installation(installation), keys.ids]
      const timeIn = (answer: unknown): number => (answer as [number, number])[1]
      link.ping()
      const answer = await link.runTimed(scripts.heartbeat, own, [host, owner], timeIn)
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

const isFlat = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string')

function toTouched(answer: [string, string] | null): Touched | undefined {
  if (answer === null) return undefined
  return { version: Number(answer[0]), idleAtMs: Number(answer[1]) }
}
