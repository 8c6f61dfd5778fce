import type { Cell } from './contest.ts'
import { hold, report } from './contest.ts'
import { rival, startOverHttp } from './contestants.ts'
import { findNginx } from './nginx.ts'
import type { Bench, Benchmark } from './scope.ts'
import type { AnswerKind } from './worker.ts'

/** What a call costs on its way, with many sessions, each with its own worker. */
export const calls: Benchmark = {
  name: 'calls',
  about: 'tool calls over HTTP, next to a proxy that pins sessions, and others',
  run,
}

const kinds: Record<AnswerKind, string> = {
  length: 'JSON with its length',
  chunked: 'JSON in chunks',
  sse: 'SSE',
}

async function run(bench: Bench): Promise<void> {
  const { isShort } = bench.options
  const counts = isShort ? [1, 10] : [1, 10, 50]
  const asked: AnswerKind[] = isShort ? ['length', 'sse'] : ['length', 'chunked', 'sse']
  const all = { sessions: Math.max(...counts), nginx: await findNginx(bench) }
  const results = await hold(bench, {
    start: (turn, clients) => startOverHttp(turn, clients, all),
    cells: asked.flatMap((as) => counts.map((count) => cellOf(as, count))),
    turns: isShort ? 6 : 10,
    warmUp: 5000,
  })
  report(results, { title: 'Calls over HTTP', rival, unit: 'call' })
}

const cellOf = (as: AnswerKind, sessions: number): Cell => ({
  name: `${kinds[as]}, ${sessions} ${sessions === 1 ? 'session' : 'sessions'}`,
  sessions,
  args: { text: 'hello', as },
  calls: 300,
})
