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

/** @param maxBytes a longer line is handed over in pieces, so that memory stays bounded. */
export function createLineSplitter(onLine: (line: Buffer) => void, maxBytes: number): LineSplitter {
  let pending: Buffer[] = []
  let pendingBytes = 0

  const flush = (): void => {
    const line = pending.length === 1 ? pending[0] : Buffer.concat(pending)
    pending = []
    pendingBytes = 0
    if (line === undefined) return
    onLine(line.at(-1) === 0x0d ? line.subarray(0, -1) : line)
  }

  return {
    push(chunk) {
      let from = 0
      for (let to = chunk.indexOf(0x0a); to !== -1; to = chunk.indexOf(0x0a, from)) {
        pending.push(chunk.subarray(from, to))
        flush()
        from = to + 1
      }
      if (from === chunk.length) return
      pending.push(chunk.subarray(from))
      pendingBytes += chunk.length - from
      if (pendingBytes >= maxBytes) flush()
    },
    end() {
      if (pendingBytes > 0) flush()
    },
    unfinished() {
      return pendingBytes === 0 || pendingBytes > shownBytes
        ? ''
        : Buffer.concat(pending).toString('utf8')
    },
  }
}
