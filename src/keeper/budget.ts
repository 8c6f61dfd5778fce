import { memoryUsage } from 'node:process'

/**
 * The memory of a keeper. All that it holds has limits of its own; this one stands behind them, for
 * what was not thought of: a keeper that has grown beyond it ends its own session and no other.
 */
export interface Budget {
  /** So many bytes have come in. */
  spent(bytes: number): void
}

const mebibyte = 1024 * 1024
const limitBytes = 512 * mebibyte

/** To ask costs a system call: after so much has come in memory may be another than before. */
const lookEveryBytes = 4 * mebibyte

/** @param onOver is called once, with the limit in MiB */
export function createBudget(
  onOver: (mebibytes: number) => void,
  usedBytes: () => number = memoryUsage.rss,
): Budget {
  let sinceLook = 0
  let isOver = false
  return {
    spent(bytes) {
      sinceLook += bytes
      if (isOver || sinceLook < lookEveryBytes) return
      sinceLook = 0
      isOver = usedBytes() > limitBytes
      if (isOver) onOver(limitBytes / mebibyte)
    },
  }
}
