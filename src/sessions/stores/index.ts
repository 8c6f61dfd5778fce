import type { Clock } from '../../ground/clock.ts'
import type { RedisStoreConfig } from '../options.ts'
import type { SessionStore } from '../store.ts'
import { createMemoryStore } from './memory.ts'

/** @throws ERR_CONFIG_INVALID when the store cannot be used now, with the reason */
export async function openStore(
  config: { kind: 'memory' } | RedisStoreConfig,
  options: { clock: Clock },
): Promise<SessionStore> {
  if (config.kind === 'memory') return createMemoryStore(options)
  // Whoever needs none of it does not load it.
  const { createRedisStore } = await import('./redis.ts')
  return createRedisStore(config, options)
}
