import type { Clients, Group } from './driving.ts'
import { startClients } from './driving.ts'
import { inTurn, median, midmean, quantile, readCpu, rounds, usedUs } from './measure.ts'
import type { Line } from './report.ts'
import { table } from './report.ts'
import type { Bench } from './scope.ts'
import { createBench } from './scope.ts'
import type { Arguments } from './worker.ts'

/** Who stands between client and worker, and is measured. */
export interface Contestant {
  name: string
  /** Its sessions, and how many they are. */
  group: Group
  sessions: number
  /** Whose processor time counts, once its sessions are open: all that it needs but the workers. */
  processes(): number[]
}

/** What all contestants have to do, in turns of so many calls. */
export interface Cell {
  name: string
  sessions: number
  args: Arguments
  calls: number
  /** What is counted, where it is not calls: so many of them in each call. */
  events?: number
}

export interface Contest {
  /** Starts all contestants anew, and opens their sessions. */
  start(bench: Bench, clients: Clients): Promise<Contestant[]>
  cells: Cell[]
  /** Turns of each cell after each start; fewer where they take too long, but three. */
  turns: number
  /** Calls of each contestant after each start that are not measured. */
  warmUp: number
}

/** What one contestant did in one cell after one start: of calls, or of the events in them. */
export interface Figures {
  /** Processor time of one. */
  cpuUs: number
  /** Latencies of a call. */
  p50Us: number
  p99Us: number
  perSecond: number
}

/** Of each cell each contestant's figures, one for each start. */
export type Results = Map<Cell, Map<string, Figures[]>>

interface Runner extends Contestant {
  pids: number[]
}

export async function hold(bench: Bench, contest: Contest): Promise<Results> {
  const empty = (): Map<string, Figures[]> => new Map<string, Figures[]>()
  const results: Results = new Map(contest.cells.map((cell) => [cell, empty()]))
  for (let start = 0; start < bench.options.starts; start += 1) {
    const turn = createBench(bench.signal, bench.options)
    bench.after(() => turn.end())
    try {
      await holdOnce(turn, contest, results)
    } finally {
      await turn.end()
    }
  }
  return results
}

/** All turns after one start. */
const withinMs = 45_000

/** What one contestant did in one cell after one start, turn by turn. */
interface Tally {
  /** Of one call, or one event. */
  cpuUs: number[]
  perSecond: number[]
  latenciesUs: number[]
}

async function holdOnce(bench: Bench, contest: Contest, results: Results): Promise<void> {
  const { cells, turns, warmUp } = contest
  const clients = startClients(bench)
  const contestants = await contest.start(bench, clients)
  const runners = contestants.map((each): Runner => ({ ...each, pids: [] }))
  const takesPart = (runner: Runner, cell: Cell): boolean => runner.sessions >= cell.sessions
  for (const runner of runners) {
    const own = cells.filter((cell) => takesPart(runner, cell))
    for (const cell of own) {
      await runner.group.call({ ...cell, calls: Math.ceil(warmUp / own.length) })
    }
    runner.pids = runner.processes()
  }
  const tallies = cells.map((cell) => ({
    cell,
    entries: runners
      .filter((runner) => takesPart(runner, cell))
      .map((runner): [Runner, Tally] => [runner, { cpuUs: [], perSecond: [], latenciesUs: [] }]),
  }))
  // In changing order, so that what else the machine does falls on all alike.
  for (const turn of rounds(turns, withinMs)) {
    for (const { cell, entries } of tallies) {
      for (const [runner, tally] of inTurn(entries, turn)) {
        bench.signal.throwIfAborted()
        await takeTurn(runner, cell, tally)
      }
    }
  }
  for (const { cell, entries } of tallies) {
    const known = results.get(cell)
    for (const [{ name }, tally] of entries) {
      known?.set(name, [...(known.get(name) ?? []), figuresOf(tally)])
    }
  }
}

async function takeTurn({ pids, group }: Runner, cell: Cell, tally: Tally): Promise<void> {
  const before = readCpu(pids)
  const { tookUs, latenciesUs } = await group.call(cell)
  const cpuUs = usedUs(before, readCpu(pids))
  const count = cell.calls * (cell.events ?? 1)
  tally.cpuUs.push(cpuUs / count)
  tally.perSecond.push((count * 1e6) / tookUs)
  tally.latenciesUs.push(...latenciesUs)
}

function figuresOf({ cpuUs, perSecond, latenciesUs }: Tally): Figures {
  return {
    cpuUs: midmean(cpuUs),
    p50Us: median(latenciesUs),
    p99Us: quantile(latenciesUs, 0.99),
    perSecond: midmean(perSecond),
  }
}

/** Processor time of one as a share of another's: of each start the ratio, and of those the median. */
export function ratio(own: Figures[] = [], other: Figures[] = []): string {
  const shares = own.map(({ cpuUs }, start) => cpuUs / (other[start]?.cpuUs ?? Number.NaN))
  if (shares.length === 0 || shares.some(Number.isNaN)) return ''
  return `${median(shares).toFixed(2)} (${Math.min(...shares).toFixed(2)}–${Math.max(...shares).toFixed(2)})`
}

/**
 * A table for each cell, and one with the ratios of all. What is said of one start is the median of
 * all of them, with the lowest and the highest.
 */
export function report(
  results: Results,
  { title, rival, unit }: { title: string; rival: string; unit: string },
): void {
  const us = (value: number): string => value.toFixed(value < 20 ? 1 : 0)
  const shares: Line[] = []
  for (const [cell, byName] of results) {
    const base = byName.get(rival)
    const share: Line = { name: cell.name }
    const lines = [...byName].map(([name, figures]): Line => {
      const of = (figure: keyof Figures): number => median(figures.map((each) => each[figure]))
      const hasCpu = of('cpuUs') > 0
      if (hasCpu) share[name] = ratio(figures, base)
      return {
        name,
        [`CPU µs per ${unit}`]: hasCpu ? us(of('cpuUs')) : '',
        [`of ${rival}`]: hasCpu ? ratio(figures, base) : '',
        'p50 µs': us(of('p50Us')),
        'p99 µs': us(of('p99Us')),
        [`${unit}s/s`]: of('perSecond').toFixed(0),
      }
    })
    table(`${title}, ${cell.name}`, lines)
    shares.push(share)
  }
  table(`${title}: CPU as a share of ${rival}, median of the starts (lowest–highest)`, shares)
}
