import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Cell } from './contest.ts'
import { hold, ratio } from './contest.ts'
import { rival, startOverHttp } from './contestants.ts'
import { treeOf } from './measure.ts'
import { createBench } from './scope.ts'

const cells: Cell[] = [
  { name: 'one', sessions: 1, args: { as: 'length' }, calls: 5 },
  { name: 'two', sessions: 2, args: { as: 'sse' }, calls: 5 },
  { name: 'events', sessions: 1, args: { events: 20 }, calls: 2, events: 20 },
]

test('a contest measures everybody in each cell that they can take part in', async (t) => {
  const before = new Set(treeOf(process.pid))
  const stop = new AbortController()
  const bench = createBench(stop.signal, { against: undefined, isShort: true, starts: 1 })
  t.after(() => bench.end())
  const results = await hold(bench, {
    start: (turn, clients) => startOverHttp(turn, clients, { sessions: 2, nginx: undefined }),
    cells,
    turns: 2,
    warmUp: 10,
  })
  for (const cell of cells) {
    const byName = results.get(cell) ?? new Map<string, never>()
    const bare = cell.sessions === 1 ? ['bare proxy'] : []
    assert.deepEqual([...byName.keys()], ['direct', ...bare, rival, 'berth'])
    for (const [name, figures] of byName) {
      assert.equal(figures.length, 1)
      for (const { cpuUs, p50Us, p99Us, perSecond } of figures) {
        assert.equal(cpuUs > 0, name !== 'direct', name)
        assert.ok(p50Us > 0 && p99Us >= p50Us && perSecond > 0, name)
      }
    }
    assert.equal(ratio(byName.get(rival), byName.get(rival)), '1.00 (1.00–1.00)')
  }
  assert.deepEqual(
    treeOf(process.pid).filter((pid) => !before.has(pid)),
    [],
  )
})
