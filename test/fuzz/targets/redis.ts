import type { Redis } from 'ioredis'
import fc from 'fast-check'

import { encode } from '../../../src/sessions/stores/redis/codec.ts'
import { keysOf } from '../../../src/sessions/stores/redis/keys.ts'
import { openSession } from '../../support/raw-mcp.ts'
import { startRedis } from '../../support/redis.ts'
import { rawRequest } from '../../support/raw-http.ts'
import { sharedStateDir } from '../../support/shared-gateways.ts'
import { recordAt } from '../../suites/store/rig.ts'
import { tryBatches } from '../fuzz.ts'
import { reply, startHttpSpeaker } from '../speaker.ts'
import { startStand } from '../stand.ts'
import type { Target } from '../target.ts'
import { anyJson, jsonText, nastyBytes, nastyText } from '../values.ts'

const fields = [
  ...['v', 'id', 'key', 'version', 'state', 'server', 'principal', 'workerId', 'host'],
  ...['handle', 'openedAtMs', 'idleMs', 'idleAtMs', 'maxAtMs', 'end', 'usage', 'lease.owner'],
] as const
const value = fc.oneof(
  { weight: 3, arbitrary: anyJson.map((made) => JSON.stringify(made)) },
  { weight: 2, arbitrary: jsonText },
  { weight: 1, arbitrary: nastyText },
)
const types = ['string', 'hash', 'list', 'set', 'zset', 'stream'] as const

/** One thing that somebody else may do to Redis. */
const done = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant('publish' as const),
      message: fc.oneof(
        { weight: 2, arbitrary: nastyBytes },
        { weight: 2, arbitrary: jsonText },
        {
          weight: 4,
          arbitrary: fc
            .array(fc.tuple(fc.constantFrom(...fields), value), { maxLength: 6 })
            .map((all) => JSON.stringify(all.flat())),
        },
      ),
      channel: fc.oneof(
        { weight: 6, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: nastyText },
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant('key' as const),
      name: fc.nat(99),
      type: fc.constantFrom(...types),
      value,
      score: fc.constantFrom('0', '-inf', 'inf', '1', '1e300'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant('record' as const),
      isOwn: fc.boolean(),
      field: fc.oneof(
        { weight: 6, arbitrary: fc.constantFrom<string>(...fields) },
        { weight: 1, arbitrary: nastyText },
      ),
      value,
    }),
  },
)

type Done = typeof done extends fc.Arbitrary<infer T> ? T : never

const size = 10

/** What Redis may hold that Berth has not written. */
export const redis: Target = {
  name: 'redis',
  about: "whatever Redis can hold under Berth's keys, and tell on its channel",
  share: 300,
  needs: 'redis-server',
  async run(t, cases) {
    const store = await startRedis(t, cases.redisServer ?? '')
    const speaker = await startHttpSpeaker(t)
    speaker.say = reply
    const stand = await startStand(t, {
      stateDir: sharedStateDir(t),
      servers: { attacker: { url: `http://127.0.0.1:${speaker.port}/mcp` } },
      config: { store: store.config() },
    })
    const { client } = store
    const keys = keysOf('berth', 0)
    /** Those of everybody: what is wrong there may be wrong for a while. */
    const kept = new Set(await client.keys('*'))

    await tryBatches('redis', cases, { made: done, size }, async (batch) => {
      const target = { url: stand.mcp('attacker') }
      const own = await openSession(target).catch(() => undefined)
      for (const one of batch) {
        if (one.what === 'publish') {
          await client.publish(one.channel ?? keys.ended, one.message)
        } else if (one.what === 'key') {
          await plant(client, await nameOf(one.name, stand.sessionId, client), one)
        } else {
          const id = one.isOwn && own !== undefined ? own : `planted-${one.field.length}`
          const key = keys.session(id)
          const record = encode({ ...recordAt(Date.now()), id })
          if (!one.isOwn) await client.hset(key, ...record).catch(() => undefined)
          await client.zadd(keys.ids, 0, id).catch(() => undefined)
          await client.hset(key, one.field, one.value).catch(() => undefined)
        }
        if (own === undefined) continue
        const headers = { 'mcp-session-id': own, accept: 'text/event-stream' }
        const answer = await rawRequest(target.url, { headers })
        answer.abort()
      }
      // Who has planted something takes it away again; what was everybody's comes back by itself.
      for (const name of await client.keys('*')) if (!kept.has(name)) await client.del(name)
      await stand.check(true)
    })
  },
}

/** Any key of Berth's but the record of the bystander, or one that might be. */
async function nameOf(luck: number, bystander: string, client: Redis): Promise<string> {
  const known = (await client.keys('{berth}:*')).filter((name) => !name.includes(bystander)).sort()
  const made = ['session:x', 'key:x', 'host:x', 'principal:x', 'installation:x', 'probe', 'other']
  const names = [...known, ...made.map((name) => `{berth}:${name}`)]
  return names[luck % names.length]!
}

async function plant(
  client: Redis,
  name: string,
  { type, value: text, score }: Extract<Done, { what: 'key' }>,
): Promise<void> {
  const known = await client.type(name)
  // Half of the time it is something else that stands there.
  if (known !== type && text.length % 2 === 0) await client.del(name)
  const ways = {
    string: () => client.set(name, text),
    hash: () => client.hset(name, text, text),
    list: () => client.rpush(name, text),
    set: () => client.sadd(name, text),
    zset: () => client.zadd(name, score, text),
    stream: () => client.xadd(name, '*', 'a', text),
  }
  await ways[type]().catch(() => undefined)
}
