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

export const createPile = (): Pile => new Chunks()

/** A class, because one is made for every request: an object with a getter of its own is dear to make. */
class Chunks implements Pile {
  readonly chunks: Buffer[] = []
  bytes = 0
  private freshChunks = 0
  private freshBytes = 0

  add(chunk: Buffer): void {
    const { length } = chunk
    this.chunks.push(chunk)
    this.bytes += length
    this.freshChunks += 1
    this.freshBytes += length
    if (this.freshChunks < togetherAtMost) return
    if (this.freshBytes < togetherAtMost * smallBytes) {
      this.chunks.push(Buffer.concat(this.chunks.splice(-this.freshChunks)))
    }
    this.freshChunks = 0
    this.freshBytes = 0
  }

  take(): Buffer {
    const [only] = this.chunks
    const isOne = only !== undefined && this.chunks.length === 1
    const whole = isOne ? only : Buffer.concat(this.chunks, this.bytes)
    this.chunks.length = 0
    this.bytes = 0
    this.freshChunks = 0
    this.freshBytes = 0
    return whole
  }
}
