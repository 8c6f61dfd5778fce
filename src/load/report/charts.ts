import { faultWords } from '../chaos/fault.ts'
import type { LoadReport } from './report.ts'
import {
  bar,
  escape,
  frame,
  line,
  linear,
  logarithmic,
  picture,
  rule,
  tag,
  text,
  xAxis,
  yAxis,
} from './svg.ts'
import { milliseconds, short, whole } from './words.ts'

const { width, height, left, right, top, bottom } = frame
const across: [number, number] = [left, width - right]
const upwards: [number, number] = [height - bottom, top]

const seconds = (value: number): string => `${value} s`

/** Exchanges each second, and the sessions that were open. */
export function timelineChart({ timeline: { spanMs, spans } }: LoadReport): string {
  const shown = spans.length > 0 ? spans : [{ exchanges: 0, failures: 0, opened: 0, open: 0 }]
  const inSeconds = spanMs / 1000
  const x = linear(shown.length * inSeconds, across, 6)
  const rates = shown.map(({ exchanges }) => exchanges / inSeconds)
  const failed = shown.map(({ failures }) => failures / inSeconds)
  const y = linear(Math.max(1, ...rates, ...failed), upwards)
  const sessions = linear(Math.max(1, ...shown.map(({ open }) => open)), upwards)
  const middle = (at: number): number => x((at + 0.5) * inSeconds)
  const bars = rates.map((rate, at) => {
    const box = { x: x(at * inSeconds) + 0.5, width: x(inSeconds) - x(0) - 1 }
    const about = `${whole(rate)} exchanges/s after ${at * inSeconds} s`
    return (
      bar({ ...box, y: y(rate), height: y(0) - y(rate) }, 'fill-a', about) +
      bar(
        { ...box, y: y(failed[at] ?? 0), height: y(0) - y(failed[at] ?? 0) },
        'fill-bad',
        `${whole(failed[at] ?? 0)} failures/s`,
      )
    )
  })
  const open = shown.map(({ open: count }, at) => [middle(at), sessions(count)] as const)
  return picture(
    'Exchanges each second and open sessions, over time',
    yAxis(y, short) +
      bars.join('') +
      line(open, 'b') +
      yAxis(sessions, short, 'right') +
      xAxis(x, seconds) +
      text(left, 12, 'exchanges/s', 'start') +
      text(width - right, 12, 'open sessions', 'end'),
  )
}

/** For each kind of exchange a bar from its median to its 99.9th percentile, with a mark at the 99th. */
export function percentileChart({ latencies }: LoadReport): string {
  const rowHeight = 30
  const labels = 130
  const tall = top + latencies.length * rowHeight + bottom
  const values = latencies.flatMap(({ p50, p999 }) => [p50, p999])
  const x = logarithmic([Math.min(...values, 1), Math.max(...values, 10)], [labels, width - right])
  const grid = x.ticks.map(
    (tick) =>
      rule(x(tick), top - 6, x(tick), tall - bottom) +
      text(x(tick), tall - bottom + 18, milliseconds(tick).replace(/\.0+ /, ' ')),
  )
  const rows = latencies.map(({ kind, p50, p90, p99, p999 }, at) => {
    const y = top + at * rowHeight
    const about = `${kind}: p50 ${milliseconds(p50)}, p99 ${milliseconds(p99)}, p99.9 ${milliseconds(p999)}`
    const span = (from: number, to: number, name: string): string =>
      bar({ x: x(from), y: y + 4, width: x(to) - x(from), height: 14 }, name, about)
    return (
      text(labels - 10, y + 15, kind, 'end') +
      span(p50, p90, 'fill-a') +
      span(p90, p99, 'fill-a half') +
      span(p99, p999, 'fill-a quarter') +
      rule(x(p50), y + 1, x(p50), y + 21, 'mark')
    )
  })
  return picture('Latency by kind of exchange', grid.join('') + rows.join(''), {
    ...frame,
    height: tall,
  })
}

/** How many exchanges took how long, all kinds together. */
export function histogramChart({ histogram }: LoadReport): string {
  const limits = histogram.map(({ upToMs }) => upToMs)
  const x = logarithmic([Math.min(...limits, 1), Math.max(...limits, 10)], across)
  const y = linear(Math.max(1, ...histogram.map(({ count }) => count)), upwards)
  const bars = histogram.map(({ upToMs, count }, at) => {
    const from = histogram[at - 1]?.upToMs ?? upToMs / 1.5
    const box = { x: x(from) + 0.5, width: x(upToMs) - x(from) - 1 }
    const about = `${whole(count)} took up to ${milliseconds(upToMs)}`
    return bar({ ...box, y: y(count), height: y(0) - y(count) }, 'fill-a', about)
  })
  return picture(
    'How many exchanges took how long',
    yAxis(y, short) +
      bars.join('') +
      xAxis(x, (ms) => milliseconds(ms).replace(/\.0+ /, ' ')) +
      text(left, 12, 'exchanges', 'start'),
  )
}

export function failureChart({ failures }: LoadReport): string {
  const rows = Object.entries(failures)
    .sort(([, a], [, b]) => b - a)
    .slice(0, 12)
  const rowHeight = 26
  const labels = 200
  const x = linear(Math.max(1, ...rows.map(([, times]) => times)), [labels, width - right])
  const bars = rows.map(([code, times], at) => {
    const box = { x: labels, y: top + at * rowHeight, width: x(times) - labels, height: 16 }
    return (
      text(labels - 10, box.y + 13, code, 'end') +
      bar(box, 'fill-bad', `${code}: ${whole(times)}`) +
      text(x(times) + 6, box.y + 13, whole(times), 'start')
    )
  })
  return picture('Failed exchanges by code', bars.join(''), {
    ...frame,
    height: top + rows.length * rowHeight + 8,
  })
}

/** Every fault at its time, in the row of its kind. */
export function faultChart({ chaos, timeline }: LoadReport): string {
  const faults = chaos?.faults ?? []
  const names = [...new Set(faults.map(({ name }) => name))]
  const rowHeight = 28
  const labels = 150
  const tall = top + names.length * rowHeight + bottom
  const x = linear((timeline.spans.length * timeline.spanMs) / 1000, [labels, width - right], 6)
  const rows = names.map((name, at) => {
    const y = top + at * rowHeight + 10
    const marks = faults
      .filter((fault) => fault.name === name)
      .map(({ atMs, isKept, how }) => {
        const kind = isKept === null ? 'dim' : isKept ? 'good' : 'bad'
        const about = tag('title', {}, escape(`${faultWords[name].what}: ${how}`))
        return tag('circle', { cx: x(atMs / 1000), cy: y, r: 5, class: `fill-${kind}` }, about)
      })
    return (
      text(labels - 12, y + 4, name, 'end') + rule(labels, y, width - right, y) + marks.join('')
    )
  })
  const axis = x.ticks.map((tick) => text(x(tick), tall - bottom + 18, seconds(tick)))
  return picture('Injected faults over time', rows.join('') + axis.join(''), {
    ...frame,
    height: tall,
  })
}
