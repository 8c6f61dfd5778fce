import { setTimeout as sleep } from 'node:timers/promises'

import type { Chances } from '../chaos/random.ts'
import { descendants, isStopped, listProcesses, processesWith } from '../support/processes.ts'
import type { ProcessEntry } from '../support/processes.ts'

const usualGapMs = { from: 2000, upTo: 6000 }
const frozenMs = { from: 300, upTo: 1500 }

export interface Freezing {
  /** How often so far. */
  count: () => number
  /** No more; settles when everything runs again. */
  stop: () => Promise<void>
}

/**
 * Lets all processes of a tree stand still at random moments, as on a machine that sleeps, swaps or
 * has others to serve. Those that somebody else has stopped are left to them.
 */
export function freezeAtRandom({
  pid,
  marker,
  chances,
  atMost,
  gapMs = usualGapMs,
}: {
  pid: number
  /** In the environment of the processes, those that lost their parents included. */
  marker: string
  chances: Chances
  atMost: number
  /** Between two of them. */
  gapMs?: { from: number; upTo: number }
}): Freezing {
  const stop = new AbortController()
  const isOver = (): boolean => stop.signal.aborted
  let count = 0
  const pause = (ms: number): Promise<void> =>
    sleep(ms, undefined, { signal: stop.signal }).catch(() => undefined)
  const run = async (): Promise<void> => {
    while (count < atMost) {
      await pause(gapMs.from + chances.upTo(gapMs.upTo - gapMs.from))
      if (isOver()) return
      const frozen = freeze(pid, marker)
      count += 1
      await pause(frozenMs.from + chances.upTo(frozenMs.upTo))
      for (const entry of frozen) send(entry.pid, 'SIGCONT')
    }
  }
  const done = run()
  return {
    count: () => count,
    async stop() {
      stop.abort()
      await done
    },
  }
}

/** Stops them all, and those that they start before it is their turn. Parents come first. */
function freeze(pid: number, marker: string): ProcessEntry[] {
  const frozen = new Map<number, ProcessEntry>()
  for (let isNew = true; isNew;) {
    isNew = false
    const entries = listProcesses()
    const roots = [
      ...entries.filter((entry) => entry.pid === pid),
      ...processesWith(marker).filter((entry) => entry.pid !== process.pid),
    ]
    for (const root of roots) {
      for (const entry of [root, ...descendants(root.pid, entries)]) {
        if (frozen.has(entry.pid) || isStopped(entry.pid) || !send(entry.pid, 'SIGSTOP')) continue
        frozen.set(entry.pid, entry)
        isNew = true
      }
    }
  }
  return [...frozen.values()]
}

function send(pid: number, signal: 'SIGSTOP' | 'SIGCONT'): boolean {
  try {
    return process.kill(pid, signal)
  } catch {
    return false // it has just ended
  }
}
