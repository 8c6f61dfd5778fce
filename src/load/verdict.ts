import type { Channel } from './drive/channels.ts'
import { channelWords } from './drive/channels.ts'
import type { LoadResult } from './drive/run.ts'

export type Verdict = 'PASS' | 'FAIL' | 'INCONCLUSIVE'

export interface Judged {
  verdict: Verdict
  /** Sentences; none for a PASS. */
  reasons: string[]
}

/** So many exchanges may fail before there is too little evidence. */
const failedShare = 0.01

/** Whether each session got its own canary back everywhere, and nobody else's anywhere. */
export function judgeSeparation(
  result: LoadResult,
  { toleratesFailures }: { toleratesFailures: boolean },
): Judged {
  const { leakCount } = result.evidence
  if (leakCount > 0) {
    return { verdict: 'FAIL', reasons: [`${count(leakCount, 'leak')} between sessions.`] }
  }
  const reasons = [...missing(result), ...(toleratesFailures ? [] : failures(result))]
  return { verdict: reasons.length === 0 ? 'PASS' : 'INCONCLUSIVE', reasons }
}

function missing({ wanted, unopened, isStopped, evidence }: LoadResult): string[] {
  const reasons: string[] = []
  if (isStopped) reasons.push('The run was stopped before its end.')
  if (unopened > 0) reasons.push(`${unopened} of ${wanted} sessions could not be opened.`)
  if (evidence.sessions < 2) reasons.push('One session alone has nobody to be kept apart from.')
  if (evidence.answersMatched === 0) {
    reasons.push('No answer had a canary in it; a scenario needs a tool with echoes: true.')
  }
  for (const [channel, sessions] of Object.entries(evidence.incomplete)) {
    const words = channelWords[channel as Channel]
    reasons.push(`${count(sessions, 'session')} did not get a canary back through ${words}.`)
  }
  return reasons
}

function failures({ measure }: LoadResult): string[] {
  const { failures: byCode, spans } = measure
  const reasons: string[] = []
  const sum = (fits: (code: string) => boolean): number =>
    Object.entries(byCode).reduce((total, [code, times]) => total + (fits(code) ? times : 0), 0)
  const refused = sum((code) => /\bhttp (429|503)$/.test(code))
  const wrong = sum((code) => code === 'wrong answer')
  const failed = sum(() => true)
  const done = spans.reduce((total, { exchanges }) => total + exchanges, 0)
  if (refused > 0) {
    reasons.push(`The target refused ${count(refused, 'request')} (429 or 503): ask for less.`)
  }
  if (wrong > 0) reasons.push(`${count(wrong, 'answer')} did not say what it had to say.`)
  if (failed - refused > failedShare * (done + failed)) {
    reasons.push(`${failed} of ${done + failed} exchanges failed.`)
  }
  return reasons
}

/** Whether every fault ended as it was promised to. */
export function judgeFaults({ faults }: Pick<LoadResult, 'faults'>): Judged {
  const tried = faults.filter(({ isKept }) => isKept !== null)
  const broken = tried.filter(({ isKept }) => isKept === false)
  if (tried.length === 0) return { verdict: 'INCONCLUSIVE', reasons: ['No fault could be tried.'] }
  if (broken.length === 0) return { verdict: 'PASS', reasons: [] }
  const names = [...new Set(broken.map(({ name }) => name))].join(', ')
  return {
    verdict: 'FAIL',
    reasons: [`${broken.length} of ${tried.length} faults broke a promise: ${names}.`],
  }
}

export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
