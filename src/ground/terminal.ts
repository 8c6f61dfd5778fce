import type { Readable, Writable } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'

// Control characters but for tab and newline, and those that turn the direction of writing.
const unprintable = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g

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

export function isTerminal<S extends Readable | Writable>(
  stream: S,
): stream is S & { columns: number } {
  return 'isTTY' in stream && stream.isTTY === true
}

/** Whether it is a terminal that shows colours, and NO_COLOR does not forbid them. */
export function hasColors(stream: object): boolean {
  if (!('isTTY' in stream && stream.isTTY === true)) return false
  return 'hasColors' in stream && (stream as { hasColors(): boolean }).hasColors()
}

export function writeJson(out: Writable, value: unknown): void {
  out.write(`${JSON.stringify(value, undefined, 2)}\n`)
}
