import type { Arbitrary, RunDetails } from 'fast-check'
import fc from 'fast-check'

import type { Cases, Target } from './target.ts'

/** More of a case that came through is not told: some are megabytes. */
const shownChars = 4000

/** Deals cases out to the targets by their shares; each gets one at least. */
export function spread(count: number, targets: readonly Target[]): Map<Target, number> {
  const all = targets.reduce((sum, { share }) => sum + share, 0)
  return new Map(
    targets.map((target) => [target, Math.max(1, Math.round((count * target.share) / all))]),
  )
}

/**
 * Tries every case by itself, and makes one that came through as small as it can be.
 *
 * @throws with the seed and the path of it
 */
export function tryEach<T>(
  name: string,
  { count, seed, path }: Cases,
  made: Arbitrary<T>,
  holds: (made: T) => void,
): void {
  const property = fc.property(made, (value) => {
    holds(value)
  })
  const details = fc.check(property, { seed, numRuns: count, ...pathOf(path) })
  tell(name, seed, details)
}

/**
 * Tries cases in batches: what takes a process is looked after once for all of a batch. The batch
 * that came through is told as a whole.
 *
 * @param size how many are a batch
 * @throws with the seed and the path of it
 */
export async function tryBatches<T>(
  name: string,
  { count, seed, path }: Cases,
  { made, size }: { made: Arbitrary<T>; size: number },
  holds: (batch: T[]) => Promise<void>,
): Promise<void> {
  const length = Math.min(size, count)
  const batch = fc.array(made, { minLength: length, maxLength: length })
  const property = fc.asyncProperty(batch, holds)
  const numRuns = path === undefined ? Math.ceil(count / length) : 1
  const details = await fc.check(property, {
    seed,
    numRuns,
    // To make it smaller would take the processes that it has ended.
    endOnFailure: true,
    ...pathOf(path),
  })
  tell(name, seed, details)
}

const pathOf = (path: string | undefined) => (path === undefined ? {} : { path })

function tell<T>(name: string, seed: number, details: RunDetails<T>): void {
  if (!details.failed) return
  const { counterexamplePath, counterexample, errorInstance } = details
  const again = `npm run fuzz -- --seed ${seed} --path ${counterexamplePath ?? '0'} ${name}`
  const shown = shortOf(fc.stringify(counterexample)).slice(0, shownChars)
  const why = errorInstance instanceof Error ? (errorInstance.stack ?? '') : String(errorInstance)
  const words = [`a case of ${name} came through: ${again}`, shortOf(why), shown]
  throw new Error(words.join('\n').slice(0, 2 * shownChars))
}

/** What is repeated at length is told once. */
const shortOf = (text: string): string =>
  text.replaceAll(/([^]{1,6}?)\1{24,}/g, (all, once: string) => `${once}<${all.length} chars>`)
