import type { OutgoingHttpHeaders } from 'node:http'

import type { FramedHeaders } from '../ground/frame-heads.ts'

/** A request to a stdio server, with all of its body. */
export interface Asked {
  readonly method: string
  readonly headers: FramedHeaders
  /** Undefined when it is longer than a body may be. */
  readonly body: string | undefined
}

/** What it is answered by: a stream of frames, or an HTTP response, of which this much is used. */
export interface Reply {
  /** Nobody will hear what is still written. */
  readonly destroyed: boolean
  readonly writableEnded: boolean
  /** Whether its reader is behind. */
  readonly writableNeedDrain: boolean
  /** How many bytes are still on their way out of this process. */
  readonly writableLength: number
  writeHead(statusCode: number, headers: Readonly<OutgoingHttpHeaders>): unknown
  flushHeaders(): void
  write(text: string, encoding: 'utf8' | 'latin1'): unknown
  end(text?: string): unknown
  /** Breaks it off. */
  destroy(): unknown
  on(event: 'close' | 'drain', listener: () => void): unknown
}
