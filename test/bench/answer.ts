/** An HTTP/1.1 answer that comes in pieces, with a length or in chunks. */
export interface Answer {
  /** With the empty line behind it, once it is there. */
  readonly head: string | undefined
  /** @returns whether the answer is complete */
  push(piece: Buffer): boolean
  text(): string
}

export function createAnswer(): Answer {
  const pieces: Buffer[] = []
  let bytes = 0
  let head: string | undefined
  /** Of the whole answer; undefined for one in chunks. */
  let expectedBytes: number | undefined

  const readHead = (): void => {
    const start = Buffer.concat(pieces)
    const end = start.indexOf('\r\n\r\n')
    if (end === -1) return
    head = start.toString('latin1', 0, end + 4)
    const length = /^content-length: *(\d+)/im.exec(head)?.[1]
    expectedBytes = isChunked(head) ? undefined : head.length + Number(length ?? 0)
  }

  return {
    get head() {
      return head
    },
    push(piece) {
      pieces.push(piece)
      bytes += piece.length
      if (head === undefined) readHead()
      if (head === undefined) return false
      return expectedBytes === undefined ? endsStream(pieces) : bytes >= expectedBytes
    },
    text() {
      const body = Buffer.concat(pieces).subarray(head?.length ?? 0)
      return (isChunked(head ?? '') ? unchunk(body) : body).toString('utf8')
    },
  }
}

const isChunked = (head: string): boolean => /^transfer-encoding: *chunked/im.test(head)

const streamEnd = Buffer.from('\r\n0\r\n\r\n')

/** Messages hold no CR, so that nothing but the last chunk looks like it. */
function endsStream(pieces: Buffer[]): boolean {
  const last = pieces.at(-1)
  if (last === undefined) return false
  const end =
    last.length >= streamEnd.length ? last : Buffer.concat(pieces.slice(-streamEnd.length))
  return end.subarray(-streamEnd.length).equals(streamEnd)
}

function unchunk(body: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < body.length;) {
    const start = body.indexOf('\r\n', at) + 2
    const bytes = parseInt(body.toString('latin1', at, start - 2), 16)
    parts.push(body.subarray(start, start + bytes))
    at = start + bytes + 2
  }
  return Buffer.concat(parts)
}
