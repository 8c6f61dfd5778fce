import { messageOf } from '../../../ground/errors.ts'
import { handleOf } from '../../../ground/handle.ts'
import type { SessionRecord } from '../../record.ts'
import { Garbage } from './codec.ts'
import { isWrongKind } from './failures.ts'

/** Of so many the operator hears; whoever writes more of them is known by then. */
const toldAtMost = 100

/**
 * Reads what others may have written as well. What is no record is as if it were not there: for the
 * session that it should be, and for no other. It is told once.
 */
export interface Reading {
  /**
   * @param id of the record that it should be
   * @returns undefined for what is not there, or no record
   */
  read(id: string | undefined, look: () => SessionRecord | undefined): SessionRecord | undefined
  /** The same for what has yet to be asked for. */
  ask(
    id: string,
    look: () => Promise<SessionRecord | undefined>,
  ): Promise<SessionRecord | undefined>
}

export function createReading(warn: (message: string) => void): Reading {
  const told = new Set<string>()

  function ignore(id: string | undefined, thrown: unknown): void {
    if (!(thrown instanceof Garbage) && !isWrongKind(thrown)) throw thrown
    const what = id === undefined ? 'A message' : `What stands for the session ${handleOf(id)}`
    if (told.size >= toldAtMost || told.has(what)) return
    told.add(what)
    const why = thrown instanceof Garbage ? messageOf(thrown) : 'it is of another kind'
    warn(
      `${what} in Redis was not written by Berth, and is ignored: ${why}. Let nobody else write below store.prefix.`,
    )
  }

  return {
    read(id, look) {
      try {
        return look()
      } catch (thrown) {
        ignore(id, thrown)
        return undefined
      }
    },
    async ask(id, look) {
      try {
        return await look()
      } catch (thrown) {
        ignore(id, thrown)
        return undefined
      }
    },
  }
}
