import { guarded, inBackground, tellFault } from '../../ground/guarded.ts'
import { dealt } from './demand.ts'
import type { Stock, StockOptions, WarmServer, WarmStock, WarmWorker } from './stock.ts'
import { createStock } from './stock.ts'

export type { WarmServer, WarmStock, WarmWorker } from './stock.ts'

/** Whole workers that are started ahead of the sessions that claim them, each once. */
export interface WarmPool {
  /** From now on there are some. */
  begin(): void
  /**
   * One that nobody else gets: the one that has waited longest, else one that is just starting. It is
   * to be claimed or given back.
   *
   * @returns undefined when there is none, or none are kept of that server
   */
  take(server: string): WarmWorker | undefined
  /** There may be less room for them. */
  trim(): void
  /** There may be more room for them. */
  refillSoon(): void
  /** Ends those that wait, of one server or of all: they were started with what was true then. */
  retire(server?: string): Promise<void>
  /** Ends those that wait, and starts no more. */
  close(): Promise<void>
  list(): WarmStock[]
}

export interface WarmPoolOptions extends Omit<
  StockOptions,
  'isOpen' | 'isLacking' | 'review' | 'note'
> {
  servers: readonly WarmServer[]
  /** So many there may be, of all servers together. */
  room(): number
}

/** Whoever has just claimed some is served first. */
const refillMs = 500
/** What was asked for is forgotten meanwhile. */
const reviewEveryMs = 5000

export function createWarmPool(options: WarmPoolOptions): WarmPool {
  const { clock, room } = options
  const ending = new Set<Promise<void>>()
  const onFault = tellFault('keeping workers warm')
  let stage: 'idle' | 'open' | 'closed' = 'idle'
  let isSoon = false
  const stocks = new Map<string, Stock>()
  for (const server of options.servers) {
    const stock = createStock(server, {
      ...options,
      isOpen: () => stage === 'open',
      isLacking: (one, count) => stage === 'open' && count < (targets().get(one) ?? 0),
      review,
      note,
    })
    stocks.set(server.name, stock)
  }
  const reviewing =
    stocks.size === 0 ? undefined : clock.every(reviewEveryMs, guarded(review, onFault))

  function targets(): Map<Stock, number> {
    const all = [...stocks.values()]
    const wanted = all.map((stock) => stock.wanted())
    const given = dealt(wanted, Math.max(0, room()))
    return new Map(all.map((stock, at) => [stock, given[at] ?? 0]))
  }

  function trim(): void {
    if (stage !== 'open') return
    for (const [stock, target] of targets()) stock.shrink(target)
  }

  function review(): void {
    if (stage !== 'open') return
    for (const [stock, target] of targets()) {
      stock.shrink(target)
      stock.fill(target)
    }
  }

  function refillSoon(): void {
    if (isSoon || stage !== 'open' || stocks.size === 0) return
    isSoon = true
    clock.after(refillMs, () => {
      isSoon = false
      review()
    })
  }

  function note(work: Promise<void>): void {
    ending.add(work)
    inBackground(
      work.finally(() => ending.delete(work)),
      onFault,
    )
  }

  async function gone(): Promise<void> {
    while (ending.size > 0) await Promise.all(ending)
  }

  return {
    begin() {
      if (stage === 'idle') stage = 'open'
      review()
    },

    take(name) {
      const stock = stocks.get(name)
      if (stock === undefined || stage !== 'open') return undefined
      refillSoon()
      return stock.take()
    },

    trim,
    refillSoon,

    retire(name) {
      for (const stock of stocks.values()) {
        if (name === undefined || stock.server.name === name) stock.retire('stale')
      }
      refillSoon()
      return gone()
    },

    close() {
      stage = 'closed'
      reviewing?.cancel()
      for (const stock of stocks.values()) stock.retire('drained')
      return gone()
    },

    list() {
      const wanted = targets()
      return [...stocks.values()].map((stock) => stock.view(wanted.get(stock) ?? 0))
    },
  }
}
