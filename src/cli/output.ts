import type { Writable } from 'node:stream'
import { styleText } from 'node:util'

import { hasColors } from '../ground/terminal.ts'

type Paint = (text: string) => string

export interface Style {
  bold: Paint
  dim: Paint
  red: Paint
  green: Paint
  yellow: Paint
  cyan: Paint
}

/** Colours where `out` is a terminal that has them (and NO_COLOR is not set), else plain text. */
export function styleFor(out: Writable): Style {
  const isColored = hasColors(out)
  const paint =
    (format: keyof Style): Paint =>
    (text) =>
      isColored ? styleText(format, text) : text
  return {
    bold: paint('bold'),
    dim: paint('dim'),
    red: paint('red'),
    green: paint('green'),
    yellow: paint('yellow'),
    cyan: paint('cyan'),
  }
}

/** Lines with the columns below each other, two spaces apart. */
export function tableLines(rows: readonly (readonly string[])[], indent = ''): string[] {
  const widths: number[] = []
  for (const row of rows) {
    for (const [index, cell] of row.entries()) {
      widths[index] = Math.max(widths[index] ?? 0, cell.length)
    }
  }
  return rows.map((row) => {
    const cells = row.map((cell, index) => cell.padEnd(widths[index] ?? 0))
    return `${indent}${cells.join('  ')}`.trimEnd()
  })
}

export function writeLines(out: Writable, lines: readonly string[]): void {
  out.write(`${lines.join('\n')}\n`)
}
