import { after } from 'node:test'

import { createRedisStore } from '../../src/sessions/stores/redis.ts'
import { atEnd } from '../support/at-end.ts'
import { fakeClock } from '../support/fake-clock.ts'
import { needed } from '../support/needs.ts'
import type { TestRedis } from '../support/redis.ts'
import { startRedis } from '../support/redis.ts'
import { storeSuite } from '../suites/store.ts'

const server = needed('redis-server')
const redis = server.skip === false ? await startRedis({ after }, server.path) : undefined
let count = 0

storeSuite(
  'redis',
  async (t) => {
    const { client, config } = redis!
    const clock = fakeClock()
    count += 1
    const prefix = `test-${count}`
    const tell = () => client.set(`{${prefix}}:clock`, clock.now())
    await tell()
    const store = await createRedisStore(config({ prefix }), {
      clock,
      // The clock of Redis cannot be set; the suite says what time it is.
      luaTime: `return tonumber(redis.call('GET', base .. 'clock'))`,
    })
    atEnd(t, () => store.close())
    return {
      store,
      nowMs: clock.now,
      async advance(ms) {
        clock.advance(ms)
        await tell()
        await age(redis!, prefix, ms)
      },
    }
  },
  server.skip,
)

/** Lets what has an end come nearer to it, as if so much time had passed. */
async function age({ client }: TestRedis, prefix: string, ms: number): Promise<void> {
  for (const key of await client.keys(`{${prefix}}:*`)) {
    const leftMs = await client.pttl(key)
    if (leftMs >= 0) await client.pexpire(key, leftMs - ms)
  }
}
