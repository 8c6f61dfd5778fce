import { createPile } from '../ground/pile.ts'

/** Cuts a byte stream into lines, without their line end (LF or CRLF), in linear time. */
export interface LineSplitter {
  push(chunk: Buffer): void
  /** Hands over what came after the last line end, if anything. */
  end(): void
  /** The beginning of that, as text. */
  unfinished(): string
}

/** More without a line end is not looked at. */
const shownBytes = 64 * 1024

/**
 * @param maxBytes a longer line is handed over in pieces, so that memory stays bounded
 * @param onTooLong is called in place of that, once, and nothing is handed over any more
 */
export function createLineSplitter(
  onLine: (line: Buffer) => void,
  maxBytes: number,
  onTooLong?: () => void,
): LineSplitter {
  const pending = createPile()
  let isGivenUp = false

  const flush = (): void => {
    const line = pending.take()
    onLine(line.at(-1) === 0x0d ? line.subarray(0, -1) : line)
  }
  const giveUp = (tell: () => void): void => {
    isGivenUp = true
    pending.take()
    tell()
  }

  return {
    push(chunk) {
      let from = 0
      for (let to = chunk.indexOf(0x0a); to !== -1; to = chunk.indexOf(0x0a, from)) {
        if (isGivenUp) return
        pending.add(chunk.subarray(from, to))
        flush()
        from = to + 1
      }
      if (from === chunk.length || isGivenUp) return
      pending.add(chunk.subarray(from))
      if (pending.bytes < maxBytes) return
      if (onTooLong === undefined) flush()
      else giveUp(onTooLong)
    },
    end() {
      if (pending.bytes > 0) flush()
    },
    unfinished() {
      return pending.bytes > shownBytes ? '' : Buffer.concat(pending.chunks).toString('utf8')
    },
  }
}
