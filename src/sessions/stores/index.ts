import type { Clock } from '../../ground/clock.ts'
import type { Events } from '../../ground/events.ts'
import type { RedisStoreConfig } from '../options.ts'
import type { SessionStore } from '../store.ts'
import { hostLostAfterMs } from '../store.ts'
import { createMemoryStore } from './memory.ts'

export interface StoreSurroundings {
  clock: Clock
  events: Events
  lostAfterMs?: number | undefined
}

/** @throws ERR_CONFIG_INVALID when the store cannot be used now, with the reason */
export async function openStore(
  config: { kind: 'memory' } | RedisStoreConfig,
  { clock, events, lostAfterMs = hostLostAfterMs }: StoreSurroundings,
): Promise<SessionStore> {
  if (config.kind === 'memory') return createMemoryStore({ clock })
  // Whoever needs none of it does not load it.
  const { createRedisStore } = await import('./redis.ts')
  return createRedisStore(config, {
    clock,
    pulseEveryMs: lostAfterMs / 3,
    warn: (message) => events.emit('operator.warned', { message }),
  })
}
