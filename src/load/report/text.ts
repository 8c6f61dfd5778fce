import { plainLine } from '../../ground/terminal.ts'
import type { LoadReport } from './report.ts'
import { verdictsOf } from './verdicts.ts'
import { bytes, leakWords, milliseconds, whole } from './words.ts'

const leaksShown = 10
const columns = ['p50', 'p90', 'p99', 'p999', 'max'] as const

/** The report for a terminal. `paint` colours a verdict. */
export function textReport(
  report: LoadReport,
  paint: (verdict: string) => string = (verdict) => verdict,
): string[] {
  return [
    ...latencyLines(report),
    '',
    ...figureLines(report),
    ...failureLines(report),
    ...leakLines(report),
    ...faultLines(report),
    ...selfTestLines(report),
    '',
    ...verdictsOf(report).flatMap(({ name, verdict, sentences }) => [
      `${name}: ${paint(verdict)}`,
      ...sentences.map((sentence) => `  ${plainLine(sentence)}`),
    ]),
  ]
}

function latencyLines({ latencies }: LoadReport): string[] {
  const rows = latencies.map((latency) => [
    latency.kind,
    whole(latency.count),
    ...columns.map((name) => milliseconds(latency[name])),
  ])
  const table = [['', 'count', 'p50', 'p90', 'p99', 'p99.9', 'max'], ...rows]
  const widths =
    table[0]?.map((_, at) => Math.max(...table.map((row) => row[at]?.length ?? 0))) ?? []
  return table.map((row) =>
    row
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('   ')
      .trimEnd(),
  )
}

function figureLines({ figures, counts }: LoadReport): string[] {
  const { bytesPerSession } = figures
  return [
    `${whole(counts.opened)} sessions opened (${figures.openedPerSecond.toFixed(1)}/s), ` +
      `${whole(counts.reinitialized)} again after a 404; ${whole(counts.streamsOpened)} streams, ` +
      `${whole(counts.streamsResumed)} resumed; ${figures.exchangesPerSecond.toFixed(0)} exchanges/s`,
    ...(bytesPerSession === null
      ? []
      : [`${bytes(bytesPerSession)} of memory by each session, gateway and worker together`]),
    ...(counts.dropped === 0
      ? []
      : [
          `${whole(counts.dropped)} exchanges were never begun: the target is slower than the rate.`,
        ]),
  ]
}

function failureLines({ failures }: LoadReport): string[] {
  const listed = Object.entries(failures).map(([code, times]) => `${code}: ${whole(times)}`)
  return listed.length === 0 ? [] : [`failed: ${listed.join(', ')}`]
}

function leakLines({ separation: { leaks, leakCount } }: LoadReport): string[] {
  if (leakCount === 0) return []
  const lines = leaks
    .slice(0, leaksShown)
    .map(
      (leak) => `  ${milliseconds(leak.atMs)}: ${leakWords(leak)}: ${plainLine(leak.around, 100)}`,
    )
  const more = leakCount - lines.length
  return ['', 'leaks:', ...lines, ...(more > 0 ? [`  and ${whole(more)} more`] : [])]
}

function faultLines({ chaos }: LoadReport): string[] {
  const broken = chaos?.faults.filter(({ isKept }) => isKept === false) ?? []
  if (broken.length === 0) return []
  return [
    '',
    'broken promises:',
    ...broken.map(({ name, session, how }) => `  ${name} (session ${session}): ${plainLine(how)}`),
  ]
}

function selfTestLines({ selfTest }: LoadReport): string[] {
  return selfTest === null ? [] : ['', ...selfTest.map(selfTestLine)]
}

/** `✓ stale-session: a new session … (found out: …)` */
export function selfTestLine(one: NonNullable<LoadReport['selfTest']>[number]): string {
  const result = one.flaw === 'none' ? 'let pass' : 'found out'
  return `${one.isRight ? '✓' : '✗'} ${one.about}: ${one.isRight ? result : 'MISSED'} (${plainLine(one.how)})`
}
