import { count } from '../verdict.ts'
import type { LoadReport } from './report.ts'
import { bytes, whole } from './words.ts'

/** One of the verdicts of a run, in words. */
export interface VerdictLine {
  name: string
  /** PASS, FAIL or INCONCLUSIVE, or what takes its place where nothing is judged. */
  verdict: string
  sentences: string[]
}

export function verdictsOf(report: LoadReport): VerdictLine[] {
  const { separation, containment, chaos, selfTest } = report
  const lines: VerdictLine[] = [
    {
      name: 'Separation',
      verdict: separation.verdict,
      sentences: [...separation.reasons, evidenceOf(report), `${capital(separation.ownership)}.`],
    },
  ]
  if (containment !== null) lines.push(containmentLine(containment))
  if (chaos !== null) {
    const tried = chaos.faults.filter(({ isKept }) => isKept !== null).length
    const sentence = `${count(tried, 'fault')} injected.`
    lines.push({
      name: 'Recovery',
      verdict: chaos.verdict,
      sentences: [...chaos.reasons, sentence],
    })
  }
  if (selfTest !== null) {
    const right = selfTest.filter(({ isRight }) => isRight).length
    lines.push({
      name: 'Self-test of the detector',
      verdict: right === selfTest.length ? 'PASS' : 'FAIL',
      sentences: [`${right} of ${selfTest.length} toy gateways were judged rightly.`],
    })
  }
  return lines
}

function evidenceOf({ separation: found }: LoadReport): string {
  return (
    `${count(found.sessions, 'session')}, ${count(found.canaries, 'canary').replace(/canarys$/, 'canaries')}, ` +
    `${bytes(found.bytesSearched)} searched, ${whole(found.answersMatched)} answers matched.`
  )
}

function containmentLine({
  columns,
  rows,
  required,
}: NonNullable<LoadReport['containment']>): VerdictLine {
  const sentences = columns.map((column) => {
    const tried = rows.flatMap(({ attempts }) => attempts[column]?.outcome ?? [])
    const times = (outcome: string): number => tried.filter((one) => one === outcome).length
    return `${column}: ${times('stopped')} stopped, ${times('got-through')} got through, ${times('not-tried')} not tried.`
  })
  return required === null
    ? { name: 'Containment', verdict: 'not judged', sentences }
    : {
        name: `Containment (required: ${required.level})`,
        verdict: required.verdict,
        sentences: [
          `The workers of this run: ${required.column}.`,
          ...required.reasons,
          ...sentences,
        ],
      }
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
