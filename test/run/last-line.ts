import type { Outcome } from '../needs/prepare.ts'
import type { Tally } from './tally.ts'

/** The last line of a test run: the counts, and what to do about what was missing. */
export function lastLine(tally: Tally, outcomes: Outcome[], tookMs: number): string {
  const { passed, failed, skipped, skippedFor } = tally
  const counts = `${passed} passed, ${failed} failed, ${skipped} skipped`
  const missing = outcomes.flatMap((outcome) => {
    if (outcome.state !== 'missing' || outcome.need.kind !== 'test') return []
    const { name } = outcome.need
    return [`missing ${name} (${skippedFor.get(name) ?? 0} skipped; run: ${outcome.command})`]
  })
  return [`tests: ${counts} in ${(tookMs / 1000).toFixed(1)} s`, ...missing].join('; ')
}
