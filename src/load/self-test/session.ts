import type { ServerResponse } from 'node:http'

import type { ToyWorker } from './worker.ts'

/** A session as the toy has it. */
export interface ToySession {
  id: string
  /** What the client that opened it has to prove itself by. */
  owner: string | undefined
  worker: ToyWorker
  stream: ServerResponse | undefined
  answers: Map<string, (result: unknown) => void>
}
