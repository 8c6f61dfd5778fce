import type { TestEvent } from './run-files.ts'

export interface Tally {
  passed: number
  failed: number
  skipped: number
  /** How many tests were skipped for want of a need: name → number. */
  skippedFor: Map<string, number>
}

const summaryNames = [
  'tests',
  'suites',
  'pass',
  'fail',
  'cancelled',
  'skipped',
  'todo',
  'duration_ms',
]
const summaryLine = new RegExp(`^(${summaryNames.join('|')}) ([\\d.]+)$`)

/** How a test says that it was skipped for want of something; `need` writes it. */
export function needReason(name: string, reason: string): string {
  return `needs ${name}: ${reason}`
}

/**
 * Adds up what many runs of node:test report, each with a summary of its own, so that one
 * summary stands at the end, in the words in which node writes it.
 */
export function createTally() {
  const sums = new Map(summaryNames.map((name) => [name, 0]))
  const tally: Tally = { passed: 0, failed: 0, skipped: 0, skippedFor: new Map() }

  const count = ({ type, data }: TestEvent): void => {
    const isSuite = data.details?.type === 'suite'
    if (type === 'test:fail') {
      // What failed only because of what is in it was counted there; a test that is to do may fail.
      if (data.details?.error?.failureType !== 'subtestsFailed' && !data.todo) tally.failed += 1
    } else if (type === 'test:pass' && !isSuite) {
      if (data.skip === undefined || data.skip === false) tally.passed += 1
      else countSkip(tally, String(data.skip))
    }
  }

  return {
    tally,
    /** Gives the events to be shown: all but the summary of this file. */
    add(events: TestEvent[]): TestEvent[] {
      return events.filter((event) => {
        count(event)
        if (event.type === 'test:summary') return false
        if (event.type !== 'test:diagnostic' || event.data.file !== undefined) return true
        const [, name, value] = summaryLine.exec(event.data.message ?? '') ?? []
        if (name === undefined) return true
        sums.set(name, (sums.get(name) ?? 0) + Number(value))
        return false
      })
    },
    summary(durationMs: number): TestEvent[] {
      sums.set('duration_ms', durationMs)
      const lines = [...sums].map(([name, value]) => ({
        type: 'test:diagnostic',
        data: { nesting: 0, message: `${name} ${value}` },
      }))
      // Makes newer versions of the spec reporter list what failed, which Node 20's does unasked.
      const end = { success: tally.failed === 0, counts: {}, duration_ms: durationMs }
      return [...lines, { type: 'test:summary', data: end as TestEvent['data'] }]
    },
  }
}

function countSkip(tally: Tally, reason: string): void {
  tally.skipped += 1
  const name = /^needs (\S+):/.exec(reason)?.[1]
  if (name !== undefined) tally.skippedFor.set(name, (tally.skippedFor.get(name) ?? 0) + 1)
}
