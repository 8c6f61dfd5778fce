import type { Writable } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'

// Control characters (C0 but for tab and newline, C1), and those that turn the direction of writing.
const unprintable =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** What a server wrote, with nothing in it that could command the terminal. */
export function plain(text: string): string {
  return stripVTControlCharacters(text).replaceAll('\r\n', '\n').replace(unprintable, '')
}

/** The same on one line, cut to `columns`. */
export function plainLine(text: string, columns = Infinity): string {
  const line = plain(text).replaceAll(/\s+/g, ' ').trim()
  const characters = Array.from(line)
  return characters.length <= columns ? line : `${characters.slice(0, columns - 1).join('')}…`
}

/** Back to the first column, as those do who draw a line again. */
const firstColumn = /(?:\u001b\[|\u009b)[01]?G/g
const lineBreaks = /[\n\u2028\u2029]/g

/**
 * A line that a program wrote, as a terminal would leave it: with its spaces and indentation, and of
 * a line that was drawn again and again the last state. Nothing in it can command the terminal.
 */
export function outputLine(text: string): string {
  const states = stripVTControlCharacters(text.replaceAll(firstColumn, '\r')).split('\r')
  const last = states.reverse().find((state) => state.trim() !== '') ?? ''
  return withoutTabs(last.replaceAll(lineBreaks, ' ').replaceAll(unprintable, '')).trimEnd()
}

const tabColumns = 8

/** Whatever stands before the line on the screen would move its tabs. */
function withoutTabs(line: string): string {
  let shown = ''
  for (const [index, part] of line.split('\t').entries()) {
    const columns = Array.from(shown).length
    shown += index === 0 ? part : ' '.repeat(tabColumns - (columns % tabColumns)) + part
  }
  return shown
}

/** JSON escapes C0 alone; what else could command a terminal stands behind a backslash, too. */
export function escapedInJson(json: string): string {
  return json.replaceAll(unescaped, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

const unescaped = /[\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

export function bytesInWords(bytes: number): string {
  if (bytes < 1024) return bytes === 1 ? '1 byte' : `${bytes} bytes`
  const units = ['kB', 'MB', 'GB']
  let size = bytes / 1024
  while (size >= 1024 && units.length > 1) {
    size /= 1024
    units.shift()
  }
  return `${size.toFixed(1)} ${units[0] ?? ''}`
}

export function isTerminal<S extends object>(stream: S): stream is S & { columns: number } {
  return 'isTTY' in stream && stream.isTTY === true
}

/** Whether it is a terminal that shows colours, and NO_COLOR does not forbid them. */
export function hasColors(stream: object): boolean {
  if (!('isTTY' in stream && stream.isTTY === true)) return false
  return 'hasColors' in stream && (stream as { hasColors(): boolean }).hasColors()
}

export function writeJson(out: Writable, value: unknown): void {
  out.write(`${escapedInJson(JSON.stringify(value, undefined, 2))}\n`)
}
