import type { IncomingMessage, ServerResponse } from 'node:http'

import type { Clock } from '../../clock.ts'

/**
 * The HTTP face of a stdio server: MCP Streamable HTTP on one side, one JSON-RPC message a line on
 * the other. One face serves one session, on its own server process.
 */
export interface StdioFace {
  /** Answers one HTTP request to the MCP endpoint. The nonce was checked before. */
  handle(request: IncomingMessage, response: ServerResponse): void
  /** Takes one line of the server's stdout, without its line end. */
  fromServer(line: string): void
  /** Ends every open stream, with a JSON-RPC error for the exchanges that were not answered. */
  serverEnded(how: string): void
}

export interface StdioFaceOptions {
  /** The id that the face gives out at `initialize`. */
  sessionId: string
  clock: Clock
  /** Writes one line to the server's stdin; false when it cannot be written any more. */
  toServer(line: string): boolean
  /** A line of stdout that is no JSON-RPC message. It is logged and skipped. */
  onGarbage(line: string): void
}
