import type { Histogram } from 'hdr-histogram-js'

import type { Fault } from '../chaos/fault.ts'
import type { Containment } from '../containment.ts'
import type { Channel } from '../drive/channels.ts'
import type { Leak } from '../drive/evidence.ts'
import type { Counter, Span } from '../drive/measure.ts'
import { createHistogram, readHistogram } from '../drive/measure.ts'
import type { LoadResult } from '../drive/run.ts'
import type { SelfTestCase } from '../self-test/self-test.ts'
import type { Judged, Verdict } from '../verdict.ts'
import { judgeFaults, judgeSeparation } from '../verdict.ts'
import { profileOf } from '../drive/profiles.ts'
import type { LoadPlan } from '../drive/plan.ts'
import { whole } from './words.ts'

/** Milliseconds of one kind of exchange, from when it was meant to begin until it was answered. */
export interface Latency {
  kind: string
  count: number
  mean: number
  p50: number
  p90: number
  p99: number
  p999: number
  max: number
}

/** Everything that is known of a run; what `--json` prints, and what the page shows. */
export interface LoadReport {
  /** Of the whole run, as the exit code has it. */
  verdict: Verdict
  startedAt: string
  machine: string
  target: string
  /** What was asked for, line by line. */
  configuration: Record<string, string>
  separation: Judged & {
    sessions: number
    /** Those that were to be open at once, and those that never were. */
    wanted: number
    unopened: number
    canaries: number
    bytesSearched: number
    answersMatched: number
    /** By channel of the profile, how often a canary came back. */
    channels: Partial<Record<Channel, number>>
    /** Whether ids were tried in the hands of others. */
    ownership: string
    leakCount: number
    leaks: Leak[]
  }
  containment: Containment | null
  chaos: (Judged & { faults: Fault[] }) | null
  selfTest: SelfTestCase[] | null
  latencies: Latency[]
  /** Of all kinds together: how many exchanges took up to so many milliseconds. */
  histogram: { upToMs: number; count: number }[]
  timeline: { spanMs: number; spans: Span[] }
  failures: Record<string, number>
  counts: Record<Counter, number>
  figures: {
    openingMs: number
    openedPerSecond: number
    loadMs: number
    exchangesPerSecond: number
    driverCpuMs: number
    driverRssBytes: number
    /** Of the gateway's processes, by each session; null where they are not known. */
    bytesPerSession: number | null
  }
}

export interface ReportInput {
  plan: LoadPlan
  result: LoadResult
  startedAt: Date
  machine: string
  target: string
  configuration: Record<string, string>
  containment: Containment | null
  selfTest: SelfTestCase[] | null
  bytesPerSession: number | null
}

export function makeReport(input: ReportInput): LoadReport {
  const { plan, result, containment, selfTest } = input
  const { evidence, measure } = result
  const hasChaos = plan.chaos !== null
  const separation = judgeSeparation(result, { toleratesFailures: hasChaos })
  const chaos = hasChaos ? { ...judgeFaults(result), faults: result.faults } : null
  const all = createHistogram()
  const latencies = Object.entries(measure.histograms).map(([kind, encoded]) => {
    const histogram = readHistogram(encoded)
    all.add(histogram)
    return latencyOf(kind, histogram)
  })
  return {
    verdict: overall({ separation, containment, chaos, selfTest }),
    startedAt: input.startedAt.toISOString(),
    machine: input.machine,
    target: input.target,
    configuration: input.configuration,
    separation: {
      ...separation,
      sessions: evidence.sessions,
      wanted: result.wanted,
      unopened: result.unopened,
      canaries: evidence.sessions,
      bytesSearched: evidence.bytesSearched,
      answersMatched: evidence.answersMatched,
      channels: Object.fromEntries(
        profileOf(plan).required.map((channel) => [channel, evidence.matched[channel]]),
      ),
      ownership: ownershipOf(plan, measure.counts),
      leakCount: evidence.leakCount,
      leaks: evidence.leaks,
    },
    containment,
    chaos,
    selfTest,
    latencies,
    histogram: bucketsOf(all),
    timeline: { spanMs: measure.spanMs, spans: measure.spans },
    failures: measure.failures,
    counts: measure.counts,
    figures: {
      openingMs: result.openingMs,
      openedPerSecond: perSecond(result.wanted - result.unopened, result.openingMs),
      loadMs: result.loadMs,
      exchangesPerSecond: perSecond(result.loadExchanges, result.loadMs),
      driverCpuMs: result.cpuMs,
      driverRssBytes: result.rssBytes,
      bytesPerSession: input.bytesPerSession,
    },
  }
}

/** A failure is a failure; without one, what could not be shown is what counts. */
function overall(parts: {
  separation: Judged
  containment: Containment | null
  chaos: Judged | null
  selfTest: SelfTestCase[] | null
}): Verdict {
  const verdicts: Verdict[] = [
    parts.separation.verdict,
    parts.containment?.required?.verdict ?? 'PASS',
    parts.chaos?.verdict ?? 'PASS',
    parts.selfTest?.every(({ isRight }) => isRight) === false ? 'FAIL' : 'PASS',
  ]
  if (verdicts.includes('FAIL')) return 'FAIL'
  return verdicts.includes('INCONCLUSIVE') ? 'INCONCLUSIVE' : 'PASS'
}

export const exitCodes: Record<Verdict, number> = { PASS: 0, FAIL: 1, INCONCLUSIVE: 2 }

function ownershipOf(
  { users }: LoadPlan,
  { trespassed, trespassesRefused }: LoadReport['counts'],
): string {
  if (users.length < 2) return 'one principal: ownership not tested'
  const tried = `${whole(trespassed)} attempts to use an id with the token of another`
  const refused = `${whole(trespassesRefused)} refused as unknown ids are`
  return `${users.length} users: ${tried}, ${refused}`
}

const perSecond = (things: number, ms: number): number => (ms > 0 ? (things * 1000) / ms : 0)

function latencyOf(kind: string, histogram: Histogram): Latency {
  const at = (percentile: number): number => histogram.getValueAtPercentile(percentile) / 1000
  return {
    kind,
    count: histogram.totalCount,
    mean: histogram.mean / 1000,
    p50: at(50),
    p90: at(90),
    p99: at(99),
    p999: at(99.9),
    max: histogram.maxValue / 1000,
  }
}

const bucketsPerTenfold = 6
const shortestMs = 0.1

/** Logarithmic buckets from the shortest to the longest. */
function bucketsOf(histogram: Histogram): LoadReport['histogram'] {
  const buckets: LoadReport['histogram'] = []
  let counted = 0
  for (let at = 0; counted < histogram.totalCount; at += 1) {
    const upToMs = shortestMs * 10 ** (at / bucketsPerTenfold)
    const below = countUpTo(histogram, upToMs * 1000)
    if (below > counted || buckets.length > 0) buckets.push({ upToMs, count: below - counted })
    counted = below
  }
  return buckets
}

function countUpTo(histogram: Histogram, us: number): number {
  if (us >= histogram.maxValue) return histogram.totalCount
  let [low, high] = [0, 100]
  // The library tells values by percentiles only.
  for (let round = 0; round < 40; round += 1) {
    const middle = (low + high) / 2
    if (histogram.getValueAtPercentile(middle) <= us) low = middle
    else high = middle
  }
  return Math.round((low / 100) * histogram.totalCount)
}
