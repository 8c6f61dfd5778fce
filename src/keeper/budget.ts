import { memoryUsage } from 'node:process'

/**
 * The memory of a keeper. All that it holds has limits of its own; this one stands behind them, for
 * what was not thought of: a keeper that has grown beyond it ends the session that has had most to
 * pass on lately, and no other.
 */
export interface Budget {
  /** So many bytes have come in. */
  spent(bytes: number): void
  /** The session is over, and is none to be chosen from. */
  close(): void
}

const mebibyte = 1024 * 1024
const limitBytes = 512 * mebibyte

/** To ask costs a system call: after so much has come in memory may be another than before. */
const lookEveryBytes = 4 * mebibyte

/** What has ended one session takes a while to give its memory back. */
const settlingMs = 5000

interface Spender {
  lately: number
  onOver(mebibytes: number): void
}

export type Budgets = (onOver: Spender['onOver']) => Budget

/** Of one process. */
export function createBudgets(
  usedBytes: () => number = memoryUsage.rss,
  now: () => number = Date.now,
): Budgets {
  const spenders = new Set<Spender>()
  let sinceLook = 0
  let quietUntilMs = 0

  function look(): void {
    sinceLook = 0
    const all = [...spenders]
    const [most] = all.sort((one, other) => other.lately - one.lately)
    if (most !== undefined && usedBytes() > limitBytes && now() >= quietUntilMs) {
      spenders.delete(most)
      quietUntilMs = now() + settlingMs
      most.onOver(limitBytes / mebibyte)
    }
    // What was long ago counts ever less.
    for (const each of all) each.lately /= 2
  }

  return (onOver) => {
    const own: Spender = { lately: 0, onOver }
    spenders.add(own)
    return {
      spent(bytes) {
        own.lately += bytes
        sinceLook += bytes
        if (sinceLook >= lookEveryBytes) look()
      },
      close: () => void spenders.delete(own),
    }
  }
}

/** Of this process. @param onOver is called once, with the limit in MiB */
export const createBudget = createBudgets()
