import type { Writable } from 'node:stream'

import type { Progress } from '@modelcontextprotocol/sdk/types.js'

import { isTerminal, plainLine } from '../ground/terminal.ts'

/** Shows how far a call is. */
export interface ProgressBar {
  update: (progress: Progress) => void
  /** Takes the bar off the screen, so that something else can be written. */
  hide: () => void
  /** Leaves the last state on the screen. */
  finish(): void
}

const cells = 20
/** It is a line, and may be said a thousand times a second. */
const messageLength = 2000

/** On a terminal one line that is drawn over; elsewhere a line for each report. */
export function createProgressBar(out: Writable): ProgressBar {
  let isDrawn = false

  return {
    update(progress) {
      if (!isTerminal(out)) {
        out.write(`${progressWords(progress)}\n`)
        return
      }
      const line = plainLine(progressLine(progress), Math.max(10, out.columns - 1))
      out.write(`\r\u001b[2K${line}`)
      isDrawn = true
    },
    hide() {
      if (isDrawn) out.write('\r\u001b[2K')
      isDrawn = false
    },
    finish() {
      if (isDrawn) out.write('\n')
      isDrawn = false
    },
  }
}

/** For instance `[████████░░░░] 3/5 Finding beds`. */
export function progressLine(progress: Progress): string {
  const { total } = progress
  const hasTotal = total !== undefined && total > 0
  const share = hasTotal ? Math.min(1, Math.max(0, progress.progress / total)) : 0
  const full = Math.round(share * cells)
  const bar = hasTotal ? `[${'█'.repeat(full)}${'░'.repeat(cells - full)}] ` : ''
  return `${bar}${progressWords(progress)}`
}

function progressWords({ progress, total, message }: Progress): string {
  const numbers = total === undefined ? String(progress) : `${progress}/${total}`
  return message === undefined
    ? numbers
    : `${numbers} ${plainLine(message.slice(0, messageLength))}`
}
