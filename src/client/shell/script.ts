import { createInterface } from 'node:readline'

import type { Io } from '../session.ts'
import type { Console } from './console.ts'

/** Commands from a file or a pipe, one a line. Blank lines and those with a # are left out. */
export function createScript({ stdin, stderr, signal }: Io): Console {
  let lineNumber = 0
  const reader = createInterface({ input: stdin, crlfDelay: Infinity })
  const lines = reader[Symbol.asyncIterator]()
  const stop = (): void => reader.close()
  signal.addEventListener('abort', stop)

  return {
    isTerminal: false,
    lineNumber: () => lineNumber,
    async next() {
      for (;;) {
        const next = await lines.next()
        if (next.done === true || signal.aborted) return undefined
        lineNumber += 1
        if (/^\s*[^#\s]/.test(next.value)) return next.value
      }
    },
    changePrompt: () => undefined,
    tell: (text) => stderr.write(`${text}\n`),
    whileBusy: (work) => work(signal),
    atKeyboard: (turn) => turn(),
    close() {
      signal.removeEventListener('abort', stop)
      stop()
    },
  }
}
