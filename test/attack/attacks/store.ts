import { prepared } from '../prepared.ts'
import { startRedis } from '../../support/redis.ts'
import type { Attack } from '../attack.ts'

export const store: Attack[] = [
  {
    section: 'inside',
    tries: 'what Redis may hold and say: no JSON, other types, empty news, records of strangers',
    does: 'ignored with a warning, or the end of that one session',
    needs: 'redis-server',
    async run(scene) {
      const redis = await startRedis(scene, prepared('redis-server'), { tcp: true })
      const url = `redis://127.0.0.1:${redis.port}`
      const stage = await scene.own({ store: { kind: 'redis', url } })
      const keys = await redis.client.keys('*')
      const channels = (await redis.client.pubsub('CHANNELS')) as string[]
      for (const channel of channels) {
        for (const news of ['', 'x', '{}', 'null', '[', '"\\ud800"', '0', '{"session":7}']) {
          await redis.client.publish(channel, news)
        }
        scene.tried(`PUBLISH ${channel}`, await stage.isUnharmed(), stage.log().slice(-300))
      }
      for (const key of keys) {
        const copy = key.replace(/[\w-]+$/, 'stranger')
        for (const plant of [
          () => redis.client.set(copy, 'x'),
          () => redis.client.hset(copy, { state: 'live', id: 'stranger', record: '{' }),
          () => redis.client.rpush(copy, 'x'),
          () => redis.client.zadd(copy, 1, 'stranger'),
        ]) {
          await redis.client.del(copy)
          await plant()
        }
        scene.tried(`beside ${key}`, await stage.isUnharmed(), stage.log().slice(-300))
      }
    },
  },
]
