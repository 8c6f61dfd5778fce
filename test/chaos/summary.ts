import type { Fates } from './aftermath.ts'
import type { Scene } from './chaos.ts'
import { outcomes } from './story.ts'

/** What happened and what came of it, for people. */
export function summaryOf({ tally, disasters, news }: Scene, fates: Fates): string {
  const exchanges = outcomes.map((outcome): [string, number] => [outcome, tally.counts[outcome]])
  return [
    block('Disasters', Object.entries(disasters.counts)),
    block('Exchanges', exchanges),
    block('of which', [...tally.details].sort(([, a], [, b]) => b - a).slice(0, 20)),
    block(`Sessions (${tally.stories.length})`, [
      ...fates.counts,
      ['live, but never heard of by its client', fates.unheard],
    ]),
    block('Told by the gateways', [...Object.entries(news.counts), ...reasons(news)]),
    block('Warnings', [...news.warnings]),
    block(
      'Wrong',
      tally.wrongs.map((line) => [line, 1]),
    ),
  ].join('\n')
}

/** What happened, as far as it has to do with what went wrong. */
export function storyOf({ tally, news }: Scene): string {
  const wrongs = tally.wrongs.join('\n')
  const lines = news.trace.filter(({ handle }) => handle === undefined || wrongs.includes(handle))
  const startMs = news.trace[0]?.atMs ?? 0
  return lines
    .map(({ atMs, words }) => `${String(atMs - startMs).padStart(6)}  ${words}`)
    .join('\n')
}

function reasons({ closed }: Scene['news']): [string, number][] {
  const counts = new Map<string, number>()
  for (const { reason } of [...closed.values()].flat()) {
    counts.set(`closed: ${reason}`, (counts.get(`closed: ${reason}`) ?? 0) + 1)
  }
  return [...counts]
}

function block(title: string, lines: [string, number][]): string {
  const body = lines.map(([what, count]) => `  ${String(count).padStart(6)}  ${what}`)
  return [title, ...(body.length === 0 ? ['          none'] : body)].join('\n')
}
