/**
 * The ways in which a canary may be written on the wire. `plain` is that of JSON, too, for nothing
 * in a canary has to be escaped; `json` is that of an encoder which escapes everything.
 */
export const formNames = ['plain', 'json', 'percent', 'hex', 'base64'] as const
export type FormName = (typeof formNames)[number]

/** One way of writing a marker, and of reading on behind it. */
export interface Form {
  name: FormName
  /** The bytes of the marker that are always the same, whatever stands around it. */
  word: Buffer
  /** How many bytes behind the word make the rest of a canary of `length` characters. */
  restBytes(length: number): number
  /** The rest of a canary from the bytes behind the word, as far as they go. */
  read(rest: string): string
}

/** All forms of a marker; base64 has three, for it depends on how many bytes come before. */
export function formsOf(marker: string): Form[] {
  return [
    eachCharacter('plain', marker, 1, (character) => character),
    eachCharacter('json', marker, 6, (character) => `\\u00${hexOf(character)}`),
    eachCharacter('percent', marker, 3, (character) => `%${hexOf(character)}`),
    eachCharacter('hex', marker, 2, hexOf),
    ...[0, 1, 2].map((before) => base64(marker, before)),
  ]
}

const hexOf = (character: string): string => character.charCodeAt(0).toString(16)

function eachCharacter(
  name: FormName,
  marker: string,
  width: number,
  write: (character: string) => string,
): Form {
  return {
    name,
    word: Buffer.from(Array.from(marker, write).join(''), 'latin1'),
    restBytes: (length) => (length - marker.length) * width,
    read(rest) {
      let text = ''
      for (let at = 0; at + width <= rest.length; at += width) {
        const written = rest.slice(at, at + width)
        text += width === 1 ? written : String.fromCharCode(parseInt(written.slice(-2), 16))
      }
      return text
    },
  }
}

/** With `before` bytes in front of it, modulo 3: of its first and last character parts are theirs. */
function base64(marker: string, before: number): Form {
  const encoded = Buffer.from('\0'.repeat(before) + marker, 'latin1').toString('base64')
  const firstWhole = Math.ceil((before * 8) / 6)
  const endWhole = Math.floor(((before + marker.length) * 8) / 6)
  /** Bits of the marker that are in the character behind the word. */
  const hanging = (before + marker.length) * 8 - endWhole * 6
  return {
    name: 'base64',
    word: Buffer.from(encoded.slice(firstWhole, endWhole), 'latin1'),
    restBytes: (length) => Math.ceil((hanging + (length - marker.length) * 8) / 6),
    read: (rest) => readBits(rest, hanging),
  }
}

const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

function readBits(rest: string, skip: number): string {
  let text = ''
  let bits = 0
  let count = -skip
  for (const character of rest) {
    const digit = digits.indexOf(character)
    if (digit < 0) break
    bits = (bits << 6) | digit
    count += 6
    if (count < 8) continue
    count -= 8
    text += String.fromCharCode((bits >> count) & 0xff)
    bits &= (1 << count) - 1
  }
  return text
}
