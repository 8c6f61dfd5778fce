import type { HeaderMap } from '../protocols/protocol.ts'
import type { ClientEnd } from './client-end.ts'

/** A plain answer up to this size is sent in one piece, and can become an error until then. */
const heldBytes = 64 * 1024

const stringBytes = 16 * 1024

/** A plain answer that is held back until it is complete, or too much to hold. */
export interface Held {
  /** @returns false when it is too much now */
  add(chunk: Buffer): boolean
  /** It is complete. */
  send(): void
  /** What comes from now on is sent as it comes. */
  pass(): void
}

export function createHeld(client: ClientEnd, statusCode: number, headers: HeaderMap): Held {
  let chunks: Buffer[] = []
  let bytes = 0
  return {
    add(chunk) {
      chunks.push(chunk)
      bytes += chunk.length
      return bytes <= heldBytes
    },
    send() {
      const [only] = chunks
      const body = only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks)
      // As a string of bytes it leaves in one piece with the head; a buffer would be written apart.
      if (bytes <= stringBytes) client.whole(statusCode, headers, body.toString('latin1'), 'latin1')
      else client.whole(statusCode, headers, body)
    },
    pass() {
      client.head(statusCode, headers, bytes > 0 ? Buffer.concat(chunks) : undefined)
      chunks = []
    },
  }
}
