import { faultWords } from '../chaos/fault.ts'
import type { Channel } from '../drive/channels.ts'
import { channelWords } from '../drive/channels.ts'
import {
  failureChart,
  faultChart,
  histogramChart,
  percentileChart,
  timelineChart,
} from './charts.ts'
import type { LoadReport } from './report.ts'
import { style } from './style.ts'
import { escape } from './svg.ts'
import { verdictsOf } from './verdicts.ts'
import { bytes, milliseconds, whole } from './words.ts'

/** The whole report as one page that needs nothing else: no network, no script. */
export function htmlReport(report: LoadReport): string {
  const sections = [
    head(report),
    section('Over time', figure(timelineChart(report), 'Bars: exchanges, and in red failures.')),
    section('Latency', latency(report)),
    section('Separation', separation(report)),
    failures(report),
    chaos(report),
    containment(report),
    selfTest(report),
    section('What was asked for', table(['', ''], Object.entries(report.configuration))),
  ]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escape(`${report.verdict}: isolation load test of ${report.target}`)}</title>
<style>${style}</style>
</head>
<body>
${sections.filter(Boolean).join('\n')}
</body>
</html>
`
}

function head(report: LoadReport): string {
  const boxes = verdictsOf(report).map(
    ({ name, verdict, sentences }) =>
      `<div class="verdict ${verdict.replaceAll(/\W/g, '-')}"><span>${escape(name)}</span>` +
      `<strong>${escape(verdict)}</strong>${paragraphs(sentences)}</div>`,
  )
  return `<header><h1>Isolation load test</h1>
<p class="dim"><code>${escape(report.target)}</code><br>${escape(report.startedAt)} · ${escape(report.machine)}</p>
</header>
<div class="verdicts">${boxes.join('')}</div>`
}

const paragraphs = (sentences: readonly string[]): string =>
  sentences.map((sentence) => `<p>${escape(sentence)}</p>`).join('')

function section(title: string, content: string): string {
  return content === '' ? '' : `<section><h2>${escape(title)}</h2>${content}</section>`
}

const figure = (svg: string, caption: string): string =>
  `<figure>${svg}<figcaption>${escape(caption)}</figcaption></figure>`

function table(
  heading: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  numbersFrom = Infinity,
): string {
  const cell = (name: string) => (content: string | number, at: number) =>
    `<${name}${at >= numbersFrom ? ' class="number"' : ''}>${escape(content)}</${name}>`
  const line = (cells: string[]): string => `<tr>${cells.join('')}</tr>`
  const headed = heading.some(Boolean) ? `<thead>${line(heading.map(cell('th')))}</thead>` : ''
  const body = rows.map((row) => line(row.map(cell('td')))).join('')
  return `<div class="scroll"><table>${headed}<tbody>${body}</tbody></table></div>`
}

function separation({ separation: found, figures, counts }: LoadReport): string {
  const { bytesPerSession } = figures
  const numbers: [string, string][] = [
    ['sessions, each with a canary of its own', whole(found.sessions)],
    ['opened', `${figures.openedPerSecond.toFixed(1)} each second`],
    ['opened again after a 404', whole(counts.reinitialized)],
    ['answers that had what they had to have', whole(found.answersMatched)],
    ['bytes searched for the canaries of others', bytes(found.bytesSearched)],
    [
      'streams opened (GET)',
      `${whole(counts.streamsOpened)}, resumed ${whole(counts.streamsResumed)}`,
    ],
    ['ownership', found.ownership],
    ...(bytesPerSession === null
      ? []
      : [
          ['memory of the gateway and its workers by each session', bytes(bytesPerSession)] as [
            string,
            string,
          ],
        ]),
  ]
  const channels = Object.entries(found.channels).map(([channel, times]) => [
    channelWords[channel as Channel],
    whole(times),
  ])
  return (
    table(['', ''], numbers, 1) +
    table(['Canaries that came back through', 'times'], channels, 1) +
    leaks(found)
  )
}

function leaks({ leaks: found, leakCount }: LoadReport['separation']): string {
  if (leakCount === 0) return '<p class="good">No session saw a trace of another.</p>'
  const rows = found
    .slice(0, 100)
    .map(({ session, owner, what, where, form, atMs, around }) => [
      what === 'ownership' ? 'of another user' : session,
      owner ?? 'cannot be told',
      form === null ? what : `${what} (${form})`,
      where,
      milliseconds(atMs),
      around,
    ])
  return (
    `<p class="bad">${whole(leakCount)} leaks; the first ${rows.length}:</p>` +
    table(['session', 'saw what is of', 'what', 'in which message', 'at', 'around it'], rows)
  )
}

function latency(report: LoadReport): string {
  const rows = report.latencies.map(({ kind, count, ...of }) => [
    kind,
    whole(count),
    ...[of.mean, of.p50, of.p90, of.p99, of.p999, of.max].map(milliseconds),
  ])
  const heading = ['exchange', 'count', 'mean', 'p50', 'p90', 'p99', 'p99.9', 'max']
  return (
    table(heading, rows, 1) +
    figure(
      percentileChart(report),
      'From the median (mark) to the 90th, 99th and 99.9th percentile, from when it was meant to begin.',
    ) +
    figure(histogramChart(report), 'All exchanges.')
  )
}

function failures(report: LoadReport): string {
  const none = Object.keys(report.failures).length === 0
  if (none) return section('Errors', '<p class="good">None.</p>')
  return section('Errors', figure(failureChart(report), 'Failed exchanges by code.'))
}

function chaos(report: LoadReport): string {
  const { chaos: found } = report
  if (found === null) return ''
  const rows = found.faults.map(({ name, atMs, session, isKept, how, tookMs }) => [
    milliseconds(atMs),
    faultWords[name].what,
    session,
    faultWords[name].promise,
    isKept === null ? 'not tried' : isKept ? 'kept' : 'BROKEN',
    how,
    milliseconds(tookMs),
  ])
  const heading = ['at', 'fault', 'session', 'promised', '', 'what came of it', 'took']
  return section(
    'Injected faults',
    figure(faultChart(report), 'Green: as promised. Red: not. Grey: could not be tried.') +
      table(heading, rows),
  )
}

const outcomes = { stopped: 'stopped', 'got-through': 'GOT THROUGH', 'not-tried': 'not tried' }

function containment({ containment: found }: LoadReport): string {
  if (found === null) return ''
  const rows = found.rows.map(({ name, about, attempts }) => [
    `${about} (${name})`,
    ...found.columns.map((column) => {
      const attempt = attempts[column]
      return attempt === undefined ? 'not tried' : `${outcomes[attempt.outcome]}: ${attempt.how}`
    }),
  ])
  return section('Attempts to break out of a worker', table(['Attempt', ...found.columns], rows))
}

function selfTest({ selfTest: cases }: LoadReport): string {
  if (cases === null) return ''
  const rows = cases.map(({ flaw, about, isRight, leaks: found, how }) => [
    flaw,
    about,
    isRight ? (flaw === 'none' ? 'let pass' : 'found out') : 'MISSED',
    whole(found),
    how,
  ])
  return section(
    'Whether this test finds what it looks for',
    '<p>The same test, turned against gateways that are broken on purpose.</p>' +
      table(['gateway', 'what is wrong with it', 'result', 'leaks', 'first'], rows),
  )
}
