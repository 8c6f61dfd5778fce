import type { Outcome } from './break-outs.ts'

/** Attempt → driver → what came of it. */
export type AttemptOutcomes = Readonly<Record<string, Readonly<Record<string, Outcome>>>>

const cells: Record<Outcome, string> = {
  stopped: 'stopped',
  'got-through': '**gets through**',
  'not-tried': 'not tried',
}

/**
 * A table in Markdown: a row for each attempt, a column for each driver, both in the order in which
 * they come first. It goes between the markers of src/workers/README.md.
 *
 * @param abouts what to call the attempts there; default: their names
 */
export function attemptTable(
  outcomes: AttemptOutcomes,
  abouts: Readonly<Record<string, string>> = {},
): string {
  const drivers = [...new Set(Object.values(outcomes).flatMap((row) => Object.keys(row)))]
  return [
    ['Attempt', ...drivers.map((driver) => `\`${driver}\``)],
    ['---', ...drivers.map(() => '---')],
    ...Object.entries(outcomes).map(([name, row]) => [
      abouts[name] ?? `\`${name}\``,
      ...drivers.map((driver) => cells[row[driver] ?? 'not-tried']),
    ]),
  ]
    .map((row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n')
}
