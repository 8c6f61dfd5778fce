import { plainLine } from '../ground/terminal.ts'
import { tableLines } from './output.ts'
import { ago, until } from './session-lines.ts'

/** What waits for sessions of one server, as the admin API gives it. */
export interface WarmStockView {
  server: string
  min: number
  max: number
  wanted: number
  hits: number
  misses: number
  pausedUntil?: string
  workers: { handle: string; state: string; pid?: number; startedAt: string }[]
}

/** A line for each worker that waits, and what there is of each server before them. */
export function warmTable(servers: readonly WarmStockView[]): string[] {
  const stocks = servers.map((stock) => [
    stock.server,
    `${stock.workers.filter(({ state }) => state === 'ready').length} of ${stock.wanted}`,
    `${stock.min} to ${stock.max}`,
    hitText(stock),
    stock.pausedUntil === undefined ? '' : until(stock.pausedUntil),
  ])
  const workers = servers.flatMap(({ server, workers: its }) =>
    its.map(({ handle, state, pid, startedAt }) => [
      handle,
      server,
      state,
      pid === undefined ? '' : String(pid),
      ago(startedAt),
    ]),
  )
  return [
    ...tableLines([['SERVER', 'WARM', 'RANGE', 'FOUND ONE', 'NEXT TRY'], ...stocks.map(plain)]),
    ...(workers.length === 0
      ? []
      : ['', ...tableLines([['ID', 'SERVER', 'STATE', 'PID', 'AGE'], ...workers.map(plain)])]),
  ]
}

/** `7 of 9 (78 %)` sessions; nothing where there were none. */
function hitText({ hits, misses }: WarmStockView): string {
  const all = hits + misses
  return all === 0 ? '' : `${hits} of ${all} (${Math.round((100 * hits) / all)} %)`
}

const plain = (row: string[]): string[] => row.map((cell) => plainLine(cell))
