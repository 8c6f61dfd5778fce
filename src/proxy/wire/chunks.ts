import { noHttp } from './no-http.ts'

/** Reads a body that comes in chunks (RFC 9112, section 7.1), up to the line of the last one. */
export interface ChunkReader {
  begin(): void
  /** @returns how far it has read; the end, or where the trailers begin */
  push(bytes: Buffer, at: number): number
  /** The last chunk was read; what comes now are trailers. */
  isOver(): boolean
}

type State = 'size' | 'extension' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'over'

/** More than a number holds exactly has more. */
const digitsAtMost = 12
const extensionAtMost = 1024
const cr = 13
const lf = 10
const semicolon = 59

/** `;name`, `;name=value` or `;name="value"`, without blanks. */
const extensions =
  /^(;[!#$%&'*+\-.^_`|~\dA-Za-z]+(=([!#$%&'*+\-.^_`|~\dA-Za-z]+|"[\t !#-[\]-~]*"))?)+$/

/** @param onPart is told where data of a chunk stand in what was pushed */
export function createChunkReader(
  onPart: (bytes: Buffer, from: number, to: number) => void,
): ChunkReader {
  let state: State = 'over'
  let size = 0
  let digits = 0
  let extension = ''

  const nextSize = (): void => {
    state = 'size'
    size = digits = 0
  }

  function readSize(byte: number): void {
    const digit = digitOf(byte)
    if (digit !== -1) {
      size = size * 16 + digit
      digits += 1
      if (digits > digitsAtMost) throw noHttp('a chunk of it is too long')
      return
    }
    if (digits === 0) throw noHttp('a chunk of it has no length')
    if (byte === cr) state = 'size-lf'
    else if (byte === semicolon) {
      state = 'extension'
      extension = ';'
    } else throw noHttp('the length of a chunk is no number')
  }

  function readExtension(byte: number): void {
    if (byte === cr) {
      if (!extensions.test(extension)) throw noHttp('a chunk of it has an extension that is none')
      state = 'size-lf'
      return
    }
    extension += String.fromCharCode(byte)
    if (extension.length > extensionAtMost) throw noHttp('a chunk of it has too long an extension')
  }

  function readByte(byte: number): void {
    switch (state) {
      case 'size':
        readSize(byte)
        break
      case 'extension':
        readExtension(byte)
        break
      case 'size-lf':
        if (byte !== lf) throw noHttp('the line of a chunk does not end')
        state = size === 0 ? 'over' : 'data'
        break
      case 'data-cr':
        if (byte !== cr) throw noHttp('a chunk of it is longer than it says')
        state = 'data-lf'
        break
      case 'data-lf':
        if (byte !== lf) throw noHttp('a chunk of it is longer than it says')
        nextSize()
        break
      case 'data':
      case 'over':
        break
    }
  }

  return {
    begin: nextSize,
    push(bytes, from) {
      let at = from
      while (at < bytes.length && state !== 'over') {
        if (state === 'data') {
          const end = Math.min(at + size, bytes.length)
          size -= end - at
          if (size === 0) state = 'data-cr'
          onPart(bytes, at, end)
          at = end
        } else {
          readByte(bytes[at] ?? 0)
          at += 1
        }
      }
      return at
    },
    isOver: () => state === 'over',
  }
}

function digitOf(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48
  const letter = byte | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : -1
}
