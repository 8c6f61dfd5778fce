import type { Histogram } from 'hdr-histogram-js'
import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64 } from 'hdr-histogram-js'

/** What happened in one span of the run. */
export interface Span {
  exchanges: number
  failures: number
  opened: number
  /** Sessions that were open at its end. */
  open: number
}

export interface MeasureReport {
  /** By kind of exchange: HDR histograms of microseconds, compressed. */
  histograms: Record<string, string>
  spanMs: number
  spans: Span[]
  /** Failed exchanges by code. */
  failures: Record<string, number>
  counts: Record<Counter, number>
}

export const counters = [
  'opened',
  'reinitialized',
  'closed',
  'abandoned',
  'streamsOpened',
  'streamsResumed',
  'dropped',
  // With the id of a session and the token of another user.
  'trespassed',
  'trespassesRefused',
] as const
export type Counter = (typeof counters)[number]

export interface Measure {
  /** An exchange was answered; `us` counts from when it was meant to begin. */
  answered(kind: string, us: number): void
  failed(code: string): void
  count(counter: Counter): void
  /** Called now and then with what is open. */
  sample(open: number): void
  totals(): { exchanges: number; failures: number; counts: Record<Counter, number> }
  report(): MeasureReport
}

const highestUs = 3_600_000_000
const spansAtMost = 600
const codesAtMost = 100

export function createMeasure(sinceStartMs: () => number): Measure {
  const histograms = new Map<string, Histogram>()
  const failures = new Map<string, number>()
  const counts = Object.fromEntries(counters.map((name) => [name, 0])) as Record<Counter, number>
  let spans: Span[] = []
  let spanMs = 1000
  let exchanges = 0
  let failed = 0

  const span = (): Span => {
    let at = Math.floor(sinceStartMs() / spanMs)
    while (at >= spansAtMost) {
      spans = halve(spans)
      spanMs *= 2
      at = Math.floor(sinceStartMs() / spanMs)
    }
    while (spans.length <= at) {
      spans.push({ exchanges: 0, failures: 0, opened: 0, open: spans.at(-1)?.open ?? 0 })
    }
    return spans[at] ?? emptySpan()
  }

  return {
    answered(kind, us) {
      let histogram = histograms.get(kind)
      if (histogram === undefined) histograms.set(kind, (histogram = createHistogram()))
      histogram.recordValue(Math.min(Math.max(1, Math.round(us)), highestUs))
      exchanges += 1
      span().exchanges += 1
    },
    failed(code) {
      const known = failures.has(code) || failures.size < codesAtMost ? code : 'other'
      failures.set(known, (failures.get(known) ?? 0) + 1)
      failed += 1
      span().failures += 1
    },
    count(counter) {
      counts[counter] += 1
      if (counter === 'opened') span().opened += 1
    },
    sample: (open) => void (span().open = open),
    totals: () => ({ exchanges, failures: failed, counts }),
    report: () => ({
      histograms: Object.fromEntries(
        Array.from(histograms, ([kind, one]) => [kind, encodeIntoCompressedBase64(one)]),
      ),
      spanMs,
      spans,
      failures: Object.fromEntries(failures),
      counts,
    }),
  }
}

export const emptySpan = (): Span => ({ exchanges: 0, failures: 0, opened: 0, open: 0 })

/** Two spans become one, so that a long run takes no more memory than a short one. */
export function halve(spans: readonly Span[]): Span[] {
  const halved: Span[] = []
  for (let at = 0; at < spans.length; at += 2) {
    const [first = emptySpan(), second = { ...emptySpan(), open: first.open }] = [
      spans[at],
      spans[at + 1],
    ]
    halved.push({
      exchanges: first.exchanges + second.exchanges,
      failures: first.failures + second.failures,
      opened: first.opened + second.opened,
      open: second.open,
    })
  }
  return halved
}

export function createHistogram(): Histogram {
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: highestUs,
    numberOfSignificantValueDigits: 3,
    bitBucketSize: 32,
    useWebAssembly: false,
  })
}

export function readHistogram(encoded: string): Histogram {
  return decodeFromCompressedBase64(encoded, 32, false)
}
