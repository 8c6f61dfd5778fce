import type { Writable } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'

/**
 * What no text of somebody else's may have on a screen: C1, characters that turn the direction of
 * writing, and those that nobody sees (a name with one in it only looks like another).
 */
const unseen =
  '\\u007f-\\u009f\\u061c\\u180e\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\u{e0000}-\\u{e007f}'
/** The same and C0, but for tab and newline. */
const unprintable = new RegExp(`[\\u0000-\\u0008\\u000b-\\u001f${unseen}]`, 'gu')
const lineBreaks = /\r\n|[\u2028\u2029]/g

/** What a server wrote, with nothing in it that could command the terminal. */
export function plain(text: string): string {
  return stripVTControlCharacters(text).replace(lineBreaks, '\n').replace(unprintable, '')
}

/** The same on one line, cut to `columns`. */
export function plainLine(text: string, columns = Infinity): string {
  const line = plain(text).replaceAll(/\s+/g, ' ').trim()
  const characters = Array.from(line)
  return characters.length <= columns ? line : `${characters.slice(0, columns - 1).join('')}…`
}

/** Back to the first column, as those do who draw a line again. */
const firstColumn = /(?:\u001b\[|\u009b)[01]?G/g
/**
 * A line that a program wrote, as a terminal would leave it: with its spaces and indentation, and of
 * a line that was drawn again and again the last state. Nothing in it can command the terminal.
 */
export function outputLine(text: string): string {
  const states = stripVTControlCharacters(text.replaceAll(firstColumn, '\r')).split('\r')
  const last = states.reverse().find((state) => state.trim() !== '') ?? ''
  return withoutTabs(
    last.replaceAll(/[\n\u2028\u2029]/g, ' ').replaceAll(unprintable, ''),
  ).trimEnd()
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
  return json.replaceAll(unescaped, (char) =>
    // Half by half: a character beyond 0xffff is two of them.
    char.split('').map(escape).join(''),
  )
}

const unescaped = new RegExp(`[${unseen}]`, 'gu')
const escape = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`

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
