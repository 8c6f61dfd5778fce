export const faultNames = [
  'kill-worker',
  'stop-session',
  'drop-connection',
  'reconnect-stream',
  'replay-old-id',
  'steal-id',
] as const
export type FaultName = (typeof faultNames)[number]

/** What every fault is, and what has to come of it. */
export const faultWords: Record<FaultName, { what: string; promise: string }> = {
  'kill-worker': {
    what: 'kill the worker of a session (SIGKILL)',
    promise: 'what is on its way fails or is answered rightly, then its id gets 404',
  },
  'stop-session': {
    what: 'stop a session through the admin API',
    promise: 'what is on its way fails or is answered rightly, then its id gets 404',
  },
  'drop-connection': {
    what: 'drop the connection under a call',
    promise: 'the session goes on, with all that it has kept',
  },
  'reconnect-stream': {
    what: 'drop the stream of a session',
    promise: 'it can be opened again, and messages come on it',
  },
  'replay-old-id': {
    what: 'use the id of a session that was closed',
    promise: '404',
  },
  'steal-id': {
    what: 'use an id with the token of another user',
    promise: '404, as if there were no such session',
  },
}

/** One that was done. */
export interface Fault {
  name: FaultName
  atMs: number
  session: number
  /** Whether what was promised came true; null where it could not be tried. */
  isKept: boolean | null
  /** What came of it. */
  how: string
  tookMs: number
}
