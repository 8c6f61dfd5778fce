import type { Writable } from 'node:stream'
import { styleText } from 'node:util'

import type { Progress } from '@modelcontextprotocol/sdk/types.js'

import { isTerminal, plain, plainLine } from '../ground/terminal.ts'
import { progressLine } from '../client/progress-bar.ts'

export type Color = 'cyan' | 'magenta'

export interface Actor {
  name: string
  color: Color
}

/** Where the demo is shown: a dialogue of several at once, each line with who speaks. */
export interface Stage {
  scene(title: string): void
  tell(text: string): void
  check(text: string): void
  fail(text: string): void
  /** A line of the dialogue; one with several lines keeps the name before each. */
  say(actor: Actor, mark: '?' | '>' | ' ', text: string): void
  /** On a terminal one moving line for each actor, else a line for each report. */
  progress(actor: Actor, progress: Progress): void
  /** Keeps everything back while this one types on the same terminal. */
  hold(actor: Actor): void
  release(): void
}

export function createStage(out: Writable): Stage {
  const hasColors = isTerminal(out) && 'hasColors' in out && (out as ColorStream).hasColors()
  const paint = (format: Color | 'bold' | 'dim' | 'green' | 'red', text: string): string =>
    hasColors ? styleText(format, text) : text
  const bars = new Map<Actor, string>()
  const heldBack: string[] = []
  let holds = 0
  let drawn = 0

  const prefix = ({ name, color }: Actor): string => `${paint(color, name.padEnd(4))}│ `

  function erase(): void {
    if (drawn > 0) out.write(`\u001b[${drawn}A\u001b[0J`)
    drawn = 0
  }
  function draw(): void {
    if (holds > 0) return
    for (const line of bars.values()) out.write(`${line}\n`)
    drawn = bars.size
  }
  function write(lines: string[]): void {
    heldBack.push(...lines)
    if (holds > 0) return
    erase()
    for (const line of heldBack.splice(0)) out.write(`${line}\n`)
    draw()
  }
  // A bar that moves no more becomes a line like the others.
  function settle(actor: Actor): void {
    const bar = bars.get(actor)
    if (bar === undefined) return
    erase()
    bars.delete(actor)
    write([bar])
  }

  return {
    scene: (title) => write(['', paint('bold', title)]),
    tell: (text) => write(indented(text)),
    check: (text) => write([`   ${paint('green', '✓')} ${text}`]),
    fail: (text) => write([`   ${paint('red', '✗')} ${text}`]),
    say(actor, mark, text) {
      settle(actor)
      const lines = plain(text).split('\n')
      write(lines.map((line, index) => `${prefix(actor)}${index === 0 ? mark : ' '} ${line}`))
    },
    progress(actor, progress) {
      const columns = isTerminal(out) ? Math.max(20, out.columns) - 8 : Infinity
      const line = `${prefix(actor)}  ${plainLine(progressLine(progress), columns)}`
      if (!isTerminal(out)) {
        write([line])
        return
      }
      if (holds === 0) erase()
      bars.set(actor, line)
      draw()
    },
    hold(actor) {
      settle(actor)
      if (holds === 0) erase()
      holds += 1
    },
    release() {
      holds -= 1
      write([])
    },
  }
}

interface ColorStream {
  hasColors(): boolean
}

function indented(text: string): string[] {
  return text.split('\n').map((line) => `   ${line}`)
}
