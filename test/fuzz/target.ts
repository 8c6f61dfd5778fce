import type { Owner } from '../support/temp.ts'

/** Something that takes what others have written, and how that is made. */
export interface Target {
  name: string
  /** One line for people. */
  about: string
  /** How many of a hundred thousand cases are its own: what starts processes has few. */
  share: number
  /** What the machine has to have. */
  needs?: 'redis-server'
  /** @throws when a case came through, with what it takes to have it again */
  run(t: Owner, cases: Cases): Promise<void>
}

/** Which cases: the same seed has the same ones. */
export interface Cases {
  count: number
  seed: number
  /** Where a run stopped, as it has told: only that one, again. */
  path?: string
  /** Path of the executable, for a target that needs Redis. */
  redisServer?: string
}
