import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'

export interface Line {
  name: string
  [figure: string]: string
}

/** Names on the left, figures right-aligned below their headings. */
export function table(title: string, lines: Line[]): void {
  const columns = [...new Set(lines.flatMap((line) => Object.keys(line)))]
  const heading = columns.map((column) => (column === 'name' ? '' : column))
  const cells = [heading, ...lines.map((line) => columns.map((column) => line[column] ?? ''))]
  const widths = columns.map((_, at) => Math.max(...cells.map((row) => row[at]?.length ?? 0)))
  process.stdout.write(`\n${title}\n`)
  for (const row of cells) {
    const text = row.map((cell, at) =>
      at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0),
    )
    process.stdout.write(`  ${text.join('   ').trimEnd()}\n`)
  }
}

export interface Judged {
  what: string
  figure: number
  /** The figure may be at most this. */
  bar: number
  goal?: number
  /** Behind the figures: `of bare`, `ms`. */
  unit: string
  digits: number
}

/** `added time: 0.91 of bare; bar 1.00: met, goal 0.75: missed` */
export function verdict({ what, figure, bar, goal, unit, digits }: Judged): void {
  const judge = (name: string, limit: number): string =>
    `${name} ${limit.toFixed(digits)}: ${figure <= limit ? 'met' : 'MISSED'}`
  const judged = goal === undefined ? [judge('bar', bar)] : [judge('bar', bar), judge('goal', goal)]
  process.stdout.write(`  ${what}: ${figure.toFixed(digits)} ${unit}; ${judged.join(', ')}\n`)
}

export function describeMachine(): string[] {
  const model = cpus()[0]?.model ?? 'unknown processor'
  const load = loadavg().map((value) => value.toFixed(2))
  return [
    `machine: ${availableParallelism()} cores of ${model}, ${(totalmem() / 1024 ** 3).toFixed(0)} GiB, Linux ${release()}`,
    `node ${process.version}; load average ${load.join(' ')} (${runnable()} of others running now)`,
  ]
}

/** How many threads want a processor at this moment, without this one. */
function runnable(): number {
  const [, , , running = '1/1'] = readFileSync('/proc/loadavg', 'latin1').split(' ')
  return Math.max(Number(running.split('/')[0]) - 1, 0)
}
