import type { Gateway } from '../gateway.ts'
import { UsageError } from './command.ts'

type HandoverNews = Awaited<Gateway['handedOver']>

interface Kept {
  store: { kind: string }
  listen: { port: number }
}

/** @throws UsageError when nothing could be taken over in a way that a client does not notice */
export function checkTakeover({ store, listen }: Kept): void {
  if (store.kind === 'memory') {
    throw new UsageError(
      '--takeover needs store: { kind: redis }, because with memory every session ends with its gateway.',
    )
  }
  if (listen.port === 0) {
    throw new UsageError(
      '--takeover needs a fixed port, because clients come back to the one that they know: set listen.port (--listen-port) to the port of the gateway that is running.',
    )
  }
}

/** What a gateway that took over says of the one before it. */
export function takeoverLine(predecessor: HandoverNews | undefined): string {
  return predecessor === undefined
    ? 'There was no gateway to take over from: this one has been started as usual.'
    : `Took over from the gateway of process ${predecessor.pid}, which finishes ${requests(predecessor)}.`
}

/** What a gateway says that was taken over from. */
export function handedOverLine(news: HandoverNews): string {
  const { exchanges } = news
  if (exchanges === 0) return 'A newer gateway has taken over; no request is in progress.'
  return `A newer gateway has taken over; ${requests(news)} ${exchanges === 1 ? 'is' : 'are'} finishing …`
}

function requests({ exchanges }: HandoverNews): string {
  return exchanges === 1 ? '1 request' : `${exchanges} requests`
}

/** What `serve` says when it is told to stop. */
export function leavingLine({ store }: Pick<Kept, 'store'>): string {
  return store.kind === 'memory' ? 'Ending every worker' : 'Leaving its workers to the next gateway'
}
