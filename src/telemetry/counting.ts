import type { Clock } from '../ground/clock.ts'
import { messageOf } from '../ground/errors.ts'
import type { EventName, Events, Listening } from '../ground/events.ts'
import { createEvents } from '../ground/events.ts'
import { inBackground, tellFault } from '../ground/guarded.ts'

/** What is counted of the news of a gateway. */
export interface Counting {
  /** The text of `/metrics`, with everything since the start, and its content type. */
  read(): Promise<{ type: string; text: string }>
  /** Of a gateway that is closed nothing more is loaded. */
  stop(): void
}

export interface CountingOptions {
  clock: Clock
  events: Events
  servers: readonly { name: string }[]
}

/** A while after the start, when clients that waited for this gateway have been served. */
const loadAfterMs = 2000

/**
 * Counts from now on. The library that does it takes a tenth of the time from the start of a
 * gateway to its first request, so what happens is kept until it is loaded.
 */
export function startCounting({ clock, events, servers }: CountingOptions): Counting {
  let early: [EventName, never][] = []
  const keepNoMore = events.onAny((name, news) => early.push([name, news as never]))

  const onFault = tellFault('loading metrics')
  const load = async () => {
    const { createMetrics } = await import('./catalogue.ts').catch((thrown: unknown) => {
      // Node remembers that it failed, for good: nothing is kept for it any more.
      keepNoMore()
      early = []
      const message = `There are no metrics until the next start: their library could not be loaded (${messageOf(thrown)}).`
      events.emit('operator.warned', { message })
      throw thrown
    })
    const replayed = createEvents()
    const both: Listening = {
      on(name, listener) {
        const forget = [replayed.on(name, listener), events.on(name, listener)]
        return () => forget.forEach((each) => each())
      },
    }
    const { registry } = createMetrics(
      both,
      servers.map(({ name }) => name),
    )
    keepNoMore()
    for (const [name, news] of early) replayed.emit(name, news)
    early = []
    return registry
  }
  let loading: ReturnType<typeof load> | undefined
  const registry = (): ReturnType<typeof load> => (loading ??= load())
  const loadingSoon = clock.after(loadAfterMs, () => inBackground(registry(), onFault))

  return {
    async read() {
      const found = await registry()
      return { type: found.contentType, text: await found.metrics() }
    },
    stop: () => loadingSoon.cancel(),
  }
}
