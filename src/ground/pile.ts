/**
 * Bytes that come in chunks and are kept until they are whole. A chunk may be a single byte and
 * costs a hundred for itself, so small ones are put together now and then: a pile holds little more
 * memory than its bytes, and none of them is copied more than a few times.
 */
export interface Pile {
  readonly bytes: number
  /** Oldest first. */
  readonly chunks: readonly Buffer[]
  add(chunk: Buffer): void
  /** All of it in one piece; the pile is empty afterwards. */
  take(): Buffer
}

const togetherAtMost = 256
const smallBytes = 1024

export function createPile(): Pile {
  const chunks: Buffer[] = []
  let bytes = 0
  let freshChunks = 0
  let freshBytes = 0

  return {
    get bytes() {
      return bytes
    },
    chunks,
    add(chunk) {
      chunks.push(chunk)
      bytes += chunk.length
      freshChunks += 1
      freshBytes += chunk.length
      if (freshChunks < togetherAtMost) return
      if (freshBytes < togetherAtMost * smallBytes) {
        chunks.push(Buffer.concat(chunks.splice(-freshChunks)))
      }
      freshChunks = 0
      freshBytes = 0
    },
    take() {
      const [only] = chunks
      const whole = only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks, bytes)
      chunks.length = 0
      bytes = 0
      freshChunks = 0
      freshBytes = 0
      return whole
    },
  }
}
