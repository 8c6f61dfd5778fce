import type { ServerResponse } from 'node:http'

/**
 * Writes a part of a streamed body in one piece: Node writes the length of a chunk, the chunk and
 * two line ends apart, which costs more than all else that is done for an event.
 *
 * @param bytes as a string of bytes (latin1)
 * @returns undefined while there is room for more, else what emits `drain` when there is again
 */
export function writeChunk(
  response: ServerResponse,
  bytes: string,
): NodeJS.WritableStream | undefined {
  const { socket } = response
  // It has no socket while an earlier response of a pipelined connection is under way, and a client
  // of HTTP/1.0 knows no chunks.
  const isQueued = socket === null || response.writableLength > socket.writableLength
  if (isQueued || !response.chunkedEncoding) {
    return response.write(bytes, 'latin1') ? undefined : response
  }
  const chunk = `${bytes.length.toString(16)}\r\n${bytes}\r\n`
  return socket.write(chunk, 'latin1') ? undefined : socket
}

/** What `write` writes leaves in one piece, as far as the socket is there already. */
export function inOneGo({ socket }: ServerResponse, write: () => void): void {
  socket?.cork()
  try {
    write()
  } finally {
    socket?.uncork()
  }
}
