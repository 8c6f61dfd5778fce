import type { TestEvent } from './events.ts'

export interface Tally {
  passed: number
  failed: number
  skipped: number
  /** How many tests were skipped for want of a need: name → number. */
  skippedFor: Map<string, number>
}

/** node's own summary of a process: `tests 7`. */
const summaryLine = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/
const cancellations = new Set(['cancelledByParent', 'testAborted', 'testTimeoutFailure'])

/** How a test says that it was skipped for want of something; `need` writes it. */
export function needReason(name: string, reason: string): string {
  return `needs ${name}: ${reason}`
}

/** Counts what many processes report, so that one summary stands at the end, in node's words. */
export function createTally() {
  const sums = { tests: 0, suites: 0, pass: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0 }
  const tally: Tally = { passed: 0, failed: 0, skipped: 0, skippedFor: new Map() }

  const count = ({ type, data }: TestEvent): void => {
    if (type !== 'test:fail' && type !== 'test:pass') return
    const failure = data.details?.error?.failureType
    // What failed only because of what is in it was counted there; a test that is to do may fail.
    if (type === 'test:fail' && failure !== 'subtestsFailed' && !data.todo) tally.failed += 1
    if (data.details?.type === 'suite') {
      sums.suites += 1
      return
    }
    sums.tests += 1
    const isSkipped = data.skip !== undefined && data.skip !== false
    if (type === 'test:pass' && isSkipped) countSkip(tally, String(data.skip))
    else if (type === 'test:pass') tally.passed += 1
    if (isSkipped) sums.skipped += 1
    else if (data.todo) sums.todo += 1
    else if (cancellations.has(failure ?? '')) sums.cancelled += 1
    else if (type === 'test:fail') sums.fail += 1
    else sums.pass += 1
  }

  return {
    tally,
    /** Gives the events to be shown: all but the summary of this process. */
    add(events: readonly TestEvent[]): TestEvent[] {
      return events.filter((event) => {
        count(event)
        if (event.type === 'test:summary') return false
        if (event.type !== 'test:diagnostic' || event.data.file !== undefined) return true
        return !summaryLine.test(event.data.message ?? '')
      })
    },
    summary(durationMs: number): TestEvent[] {
      const lines = Object.entries({ ...sums, duration_ms: durationMs }).map(([name, value]) => ({
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
