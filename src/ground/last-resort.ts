import { faultFrames, faultText, guarded, tellFault } from './guarded.ts'

/**
 * So many faults in a minute that nobody has dealt with are no accident any more: what is left may be
 * in any state, and whoever supervises the process starts a better one.
 */
export const uncaughtAtMost = 10
const windowMs = 60_000

export type Uncaught = 'uncaughtException' | 'unhandledRejection'

interface Process {
  on(event: Uncaught, listener: (thrown: unknown) => void): unknown
  off(event: Uncaught, listener: (thrown: unknown) => void): unknown
}

export interface LastResortOptions {
  /** Says it where faults are told. */
  tell(thrown: unknown, how: Uncaught): void
  /** Ends the process, which has failed. */
  giveUp(why: string): void
  now(): number
}

/**
 * What nothing else has caught ends no process with everybody's sessions in it: it is told and
 * counted, and the process goes on. Callbacks are guarded where they are given away (`guarded.ts`),
 * which ends what a fault belongs to; here nobody knows that any more.
 *
 * @returns a function that takes it away again
 */
export function installLastResort(
  host: Process,
  { tell, giveUp, now }: LastResortOptions,
): () => void {
  let recent: number[] = []
  const careful = (how: Uncaught) =>
    guarded((thrown: unknown) => {
      const nowMs = now()
      recent = [...recent.filter((atMs) => nowMs - atMs < windowMs), nowMs]
      guarded(() => tell(thrown, how), tellFault('telling of a fault'))()
      if (recent.length <= uncaughtAtMost) return
      const last = [faultText(thrown), ...faultFrames(thrown)].join('\n    ')
      giveUp(
        `Gave up: more than ${uncaughtAtMost} mistakes of Berth itself within a minute. The last was ${last}`,
      )
    }, tellFault('the last resort'))
  const listeners = (['uncaughtException', 'unhandledRejection'] as const).map(
    (how) => [how, careful(how)] as const,
  )
  for (const [how, listener] of listeners) host.on(how, listener)
  return () => {
    for (const [how, listener] of listeners) host.off(how, listener)
  }
}
