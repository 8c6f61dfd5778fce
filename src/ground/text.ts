/**
 * The text of a file as people's programs write them: UTF-8 with or without a byte order mark, and
 * UTF-16 as PowerShell's `>` and Notepad have it. The mark is not part of the text.
 */
export function decodeText(bytes: Buffer): string {
  const text = isUtf16(bytes, 'big')
    ? Buffer.from(even(bytes)).swap16().toString('utf16le')
    : isUtf16(bytes, 'little')
      ? bytes.toString('utf16le')
      : bytes.toString('utf8')
  return text.replace(/^\uFEFF/, '')
}

/**
 * A text of somebody else's as it is kept, told and listed: cut where it is long. What comes back
 * holds on to nothing of a longer text, as a part of it would.
 */
export function brief(text: string, length: number): string {
  if (text.length <= length) return text
  return `${Buffer.from(text.slice(0, length - 1), 'utf16le').toString('utf16le')}…`
}

/** By its mark, or, as some write none, by the zero beside a first character of ASCII. */
function isUtf16(bytes: Buffer, order: 'big' | 'little'): boolean {
  const [first, second] = order === 'little' ? [bytes[0], bytes[1]] : [bytes[1], bytes[0]]
  if (first === 0xff && second === 0xfe) return true
  return second === 0 && first !== undefined && first !== 0
}

/** A half character at the end is none. */
const even = (bytes: Buffer): Buffer => bytes.subarray(0, bytes.length - (bytes.length % 2))
