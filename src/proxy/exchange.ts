import type { RpcId } from '../ground/jsonrpc.ts'

/**
 * One JSON-RPC request, from its POST until its response was delivered on any stream, it was
 * cancelled, or its worker ended. Not an HTTP exchange: with SSE polling the POST closes long
 * before the response comes.
 */
export interface Exchange {
  readonly id: RpcId
  /** The id, as it stands in maps. */
  readonly key: string
  readonly method: string
  readonly startedAtMs: number
  /** How many client connections carry it. At none it runs on, but the idle clock runs too. */
  carriers: number
  release: (() => void) | undefined
  /** Ids of the last events that a stream of it carried, newest last: what a client resumes from. */
  eventIds: string[]
  isOver: boolean
  /** Whoever counts it. */
  onOver: (() => void) | undefined
}

/** Enough to find the stream of a client whose last events were lost on the way. */
const keptEventIds = 64

/** No header that is to name it could be longer by much. */
const longestEventId = 1024

export function rememberEvent(eventIds: string[], eventId: string): void {
  if (eventId.length > longestEventId) return
  eventIds.push(eventId)
  if (eventIds.length > keptEventIds) eventIds.shift()
}
