import { encodeIntoCompressedBase64 } from 'hdr-histogram-js'

import type { Channel } from './channels.ts'
import { channels } from './channels.ts'
import type { EvidenceReport, Leak } from './evidence.ts'
import type { MeasureReport, Span } from './measure.ts'
import { counters, emptySpan, halve, readHistogram } from './measure.ts'
import type { LoadResult } from './run.ts'

const leaksKept = 1000

/** What several processes found out, as if it had been one. */
export function mergeResults(results: readonly LoadResult[]): LoadResult {
  const [first, ...others] = results
  if (first === undefined) throw new Error('There is no result.')
  if (others.length === 0) return first
  const sum = (figure: (result: LoadResult) => number): number => add(results.map(figure))
  const longest = (figure: (result: LoadResult) => number): number =>
    Math.max(...results.map(figure))
  return {
    evidence: mergeEvidence(results.map(({ evidence }) => evidence)),
    measure: mergeMeasures(results.map(({ measure }) => measure)),
    faults: results.flatMap(({ faults }) => faults).sort((a, b) => a.atMs - b.atMs),
    wanted: sum(({ wanted }) => wanted),
    unopened: sum(({ unopened }) => unopened),
    openingMs: longest(({ openingMs }) => openingMs),
    loadMs: longest(({ loadMs }) => loadMs),
    loadExchanges: sum(({ loadExchanges }) => loadExchanges),
    isStopped: results.some(({ isStopped }) => isStopped),
    cpuMs: sum(({ cpuMs }) => cpuMs),
    rssBytes: sum(({ rssBytes }) => rssBytes),
  }
}

function mergeEvidence(reports: readonly EvidenceReport[]): EvidenceReport {
  const shared = idsGivenTwice(reports)
  return {
    sessions: add(reports.map(({ sessions }) => sessions)),
    bytesSearched: add(reports.map(({ bytesSearched }) => bytesSearched)),
    answersMatched: add(reports.map(({ answersMatched }) => answersMatched)),
    matched: Object.fromEntries(
      channels.map((channel) => [channel, add(reports.map(({ matched }) => matched[channel]))]),
    ) as Record<Channel, number>,
    incomplete: addUp(reports.map(({ incomplete }) => incomplete)),
    leaks: [...reports.flatMap(({ leaks }) => leaks), ...shared].slice(0, leaksKept),
    leakCount: add(reports.map(({ leakCount }) => leakCount)) + shared.length,
    ids: [],
  }
}

/** Each process sees its own sessions only. */
function idsGivenTwice(reports: readonly EvidenceReport[]): Leak[] {
  const known = new Set<string>()
  return reports.flatMap(({ ids }) => {
    const twice = ids.filter(({ id }) => known.has(id))
    for (const { id } of ids) known.add(id)
    return twice.map(({ session }) => ({
      atMs: 0,
      session,
      owner: null,
      what: 'session id' as const,
      where: 'initialize',
      form: null,
      around: 'a session of another process has the same',
    }))
  })
}

function mergeMeasures(reports: readonly MeasureReport[]): MeasureReport {
  const spanMs = Math.max(...reports.map((report) => report.spanMs))
  const spans: Span[] = []
  for (const report of reports) {
    let own = report.spans
    for (let ms = report.spanMs; ms < spanMs; ms *= 2) own = halve(own)
    for (const [at, span] of own.entries()) spans[at] = addSpans(spans[at] ?? emptySpan(), span)
  }
  const kinds = new Set(reports.flatMap(({ histograms }) => Object.keys(histograms)))
  return {
    histograms: Object.fromEntries(
      Array.from(kinds, (kind) => [kind, addHistograms(reports, kind)]),
    ),
    spanMs,
    spans,
    failures: addUp(reports.map(({ failures }) => failures)),
    counts: Object.fromEntries(
      counters.map((name) => [name, add(reports.map(({ counts }) => counts[name]))]),
    ) as MeasureReport['counts'],
  }
}

function addSpans(a: Span, b: Span): Span {
  return {
    exchanges: a.exchanges + b.exchanges,
    failures: a.failures + b.failures,
    opened: a.opened + b.opened,
    open: a.open + b.open,
  }
}

function addHistograms(reports: readonly MeasureReport[], kind: string): string {
  const [total, ...others] = reports.flatMap(({ histograms }) => {
    const encoded = histograms[kind]
    return encoded === undefined ? [] : [readHistogram(encoded)]
  })
  if (total === undefined) return ''
  for (const other of others) total.add(other)
  return encodeIntoCompressedBase64(total)
}

function addUp<K extends string>(tables: readonly Partial<Record<K, number>>[]): Record<K, number> {
  const total: Partial<Record<K, number>> = {}
  for (const table of tables) {
    for (const [key, value] of Object.entries(table) as [K, number][]) {
      total[key] = (total[key] ?? 0) + value
    }
  }
  return total as Record<K, number>
}

const add = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0)
