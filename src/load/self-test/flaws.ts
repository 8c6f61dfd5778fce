import type { ServerResponse } from 'node:http'

import type { ToySession } from './session.ts'
import type { ToyWorker } from './worker.ts'
import { createToyWorker } from './worker.ts'

/** Ways in which gateways have been broken; `none` has to pass. */
export const flaws = {
  none: 'a sound gateway, which has to pass',
  'shared-worker': 'now and then two sessions share a worker',
  'crossed-streams': 'every 20th message goes out on the stream of another session',
  'stale-session': 'a new session gets the worker of one that was closed',
  'leaked-environment': 'a worker inherits what another one has put into its environment',
  'unguarded-id': 'an id is served, whoever has it',
  'telltale-id': 'the id of somebody else is refused in another way than one that does not exist',
} as const
export type Flaw = keyof typeof flaws

const crossEvery = 20
const shareEvery = 4

/** Where the toy goes wrong, if it does. */
export interface Flawed {
  /** Whether a session is served to this client. */
  isFor(session: ToySession, client: string | undefined): boolean
  /** How an id is refused. */
  refusalOf(isThere: boolean): number
  workerFor(): ToyWorker
  streamFor(session: ToySession): ServerResponse | undefined
  called(worker: ToyWorker): void
  closed(worker: ToyWorker): void
}

export function createFlaw(flaw: Flaw, sessions: ReadonlyMap<string, ToySession>): Flawed {
  let environment: Record<string, string> = {}
  let closed: ToyWorker | undefined
  let opened = 0
  let announced = 0

  return {
    isFor: ({ owner }, client) => owner === client || flaw === 'unguarded-id',
    refusalOf: (isThere) => (isThere && flaw === 'telltale-id' ? 403 : 404),
    workerFor() {
      opened += 1
      const last = [...sessions.values()].at(-1)?.worker
      if (flaw === 'shared-worker' && opened % shareEvery === 0 && last !== undefined) return last
      if (flaw === 'stale-session' && closed !== undefined) return closed
      return createToyWorker(flaw === 'leaked-environment' ? environment : {})
    },
    streamFor(session) {
      announced += 1
      if (flaw !== 'crossed-streams' || announced % crossEvery !== 0) return session.stream
      const others = [...sessions.values()].filter((other) => other !== session)
      return others.find(({ stream }) => stream !== undefined)?.stream
    },
    called({ environment: { CANARY } }) {
      // Under another name, so that the worker's own does not cover it.
      if (CANARY !== undefined) environment = { LAST_CANARY: CANARY }
    },
    closed: (worker) => void (closed = worker),
  }
}
