import type { Clock } from '../ground/clock.ts'
import { GatewayError } from '../ground/errors.ts'
import type { FreeMemory, ReadFreeMemory } from '../workers/limits/free-memory.ts'
import { shareOf } from '../workers/limits/free-memory.ts'
import type { Ending } from './ending.ts'
import type { Idlest } from './idlest.ts'
import type { Caps } from './server.ts'
import type { OwnSession } from './session.ts'

export interface MemoryOptions {
  caps: Pick<Caps, 'minFreeMemory'>
  freeMemory: ReadFreeMemory
}

const retryAfterSeconds = 10

/** @returns what is left, if that is less than has to be */
export function memoryShortage({ caps, freeMemory }: MemoryOptions): FreeMemory | undefined {
  if (caps.minFreeMemory === 0) return undefined
  const memory = freeMemory()
  return memory !== undefined && shareOf(memory) * 100 < caps.minFreeMemory ? memory : undefined
}

/**
 * Called before a worker starts. While memory is short, the longest-idle session of whoever has most
 * makes room; one for each time that it is short, and none for a while where that has not helped:
 * then it is something else that takes the memory.
 *
 * @returns what throws ERR_WORKERS_MEMORY where there is still too little
 */
export function createMemoryRoom(
  options: MemoryOptions & {
    clock: Clock
    sessions: ReadonlyMap<string, OwnSession>
    ending: Pick<Ending, 'close'>
    idlest: Idlest
  },
): () => Promise<void> {
  const { clock, caps, sessions, ending, idlest } = options
  let evicting: Promise<void> | undefined
  let evictsFromMs = 0

  async function evict(): Promise<void> {
    if (clock.now() < evictsFromMs) return
    const most = whoHasMost(sessions.values())
    const session = await idlest((each) => isLocal(each) && most.has(each.principal))
    if (session !== undefined) await ending.close(session, 'memory-short')
    if (memoryShortage(options) !== undefined) {
      evictsFromMs = clock.now() + retryAfterSeconds * 1000
    }
  }

  return async () => {
    if (memoryShortage(options) === undefined) return
    // Of several that start at once one evicts: else each of them would end a session.
    evicting ??= evict().finally(() => {
      evicting = undefined
    })
    await evicting
    const memory = memoryShortage(options)
    if (memory === undefined) return
    throw new GatewayError('ERR_WORKERS_MEMORY', {
      params: { free: `${(shareOf(memory) * 100).toFixed(1)} %`, least: `${caps.minFreeMemory} %` },
      retryAfterSeconds,
    })
  }
}

/** A `url` server takes no memory here. */
const isLocal = ({ server }: OwnSession): boolean => server.launch.kind === 'local'

/** Several, if they have as many. */
function whoHasMost(sessions: Iterable<OwnSession>): Set<string> {
  const counts = new Map<string, number>()
  for (const session of sessions) {
    if (!isLocal(session) || session.record.state !== 'live') continue
    counts.set(session.principal, (counts.get(session.principal) ?? 0) + 1)
  }
  const most = Math.max(...counts.values())
  return new Set([...counts].filter(([, count]) => count === most).map(([who]) => who))
}
