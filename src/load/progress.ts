import type { Writable } from 'node:stream'

import { isTerminal, plainLine } from '../ground/terminal.ts'
import type { Snapshot } from './drive/run.ts'
import { whole } from './report/words.ts'

/** What is going on, on one line at a terminal that is written over, else a line now and then. */
export interface Progress {
  show(snapshot: Snapshot): void
  /** A line that stays. */
  say(line: string): void
  /** Leaves the cursor at the beginning of an empty line. */
  end(): void
}

const words: Record<Snapshot['phase'], string> = {
  opening: 'opening sessions',
  load: 'under load',
  finishing: 'finishing',
  closing: 'closing',
}
const everyMs = 10_000

export function createProgress(out: Writable): Progress {
  let saidMs = -Infinity
  let last: { exchanges: number; elapsedMs: number } | undefined
  let isOpen = false

  const clear = (): void => {
    if (isOpen && isTerminal(out)) out.write('\r\u001b[K')
    isOpen = false
  }
  return {
    show(snapshot) {
      const { phase, open, exchanges, failures, leaks, elapsedMs } = snapshot
      const spanMs = elapsedMs - (last?.elapsedMs ?? 0)
      const rate = spanMs > 0 ? ((exchanges - (last?.exchanges ?? 0)) * 1000) / spanMs : 0
      const line =
        `${(elapsedMs / 1000).toFixed(0).padStart(4)} s  ${words[phase]}: ${whole(open)} open, ` +
        `${whole(exchanges)} exchanges (${whole(rate)}/s), ${whole(failures)} failed, ` +
        (leaks === 0 ? 'no leak' : `${whole(leaks)} LEAKS`)
      if (isTerminal(out)) {
        clear()
        out.write(plainLine(line, out.columns))
        isOpen = true
      } else if (elapsedMs - saidMs >= everyMs) {
        saidMs = elapsedMs
        out.write(`${line}\n`)
      } else return
      last = { exchanges, elapsedMs }
    },
    say(line) {
      clear()
      out.write(`${line}\n`)
    },
    end: clear,
  }
}
