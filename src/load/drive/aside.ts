import type { Session } from '../client/session.ts'
import { createSession } from '../client/session.ts'
import { createWire } from '../client/wire.ts'
import { createCanaries, drawSeed } from '../search/canaries.ts'
import { createSearch } from '../search/search.ts'
import { createEvidence } from './evidence.ts'

export interface AsideOptions {
  url: URL
  headers: Record<string, string>
  timeoutMs: number
  /** At least one. */
  sessions: number
}

/** Sessions beside the load, with canaries of their own and counted nowhere; ended after their use. */
export async function aside<T>(
  { url, headers, timeoutMs, sessions }: AsideOptions,
  use: (sessions: [Session, ...Session[]]) => Promise<T>,
): Promise<T> {
  const seed = drawSeed()
  const wire = createWire(url)
  const evidence = createEvidence({
    canaries: createCanaries(seed),
    search: createSearch(seed.marker),
    sinceStartMs: () => performance.now(),
  })
  const opened = Array.from({ length: sessions }, (_, number) =>
    createSession({
      wire,
      watch: evidence.watch(number),
      headers,
      timeoutMs,
      count: () => undefined,
    }),
  )
  try {
    return await use(opened as [Session, ...Session[]])
  } finally {
    await Promise.all(opened.map((session) => session.close('delete')))
    await wire.close()
  }
}
