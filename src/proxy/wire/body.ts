import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'

import type { OnFault } from '../../ground/guarded.ts'
import { guarded } from '../../ground/guarded.ts'

/** A body on its way, as it is read. */
export interface Sending {
  /** All of it was handed to the socket. */
  isComplete(): boolean
  /** No more of it is needed. */
  stop(): void
}

/**
 * Sends a body of so many bytes, no faster than they are taken.
 *
 * @param fail it cannot be sent as it was declared
 */
export function sendBody(
  socket: Socket,
  { body, length }: { body: Readable; length: number },
  fail: OnFault,
): Sending {
  let sentBytes = 0
  let isOver = false
  let isComplete = false

  const onData = guarded((chunk: Buffer) => {
    sentBytes += chunk.length
    if (sentBytes > length) failWith(new Error('The body of a request is longer than it says.'))
    else if (!socket.write(chunk)) body.pause()
  }, failWith)
  const onDrain = guarded(() => body.resume(), failWith)
  const onEnd = guarded(() => {
    if (sentBytes !== length) {
      failWith(new Error('The body of a request is shorter than it says.'))
      return
    }
    isComplete = true
    stop()
  }, failWith)
  const onClose = guarded(() => failWith(new Error('The body of a request has ended.')), failWith)
  // Also of what is destroyed already.
  const onError = guarded(failWith, failWith)

  function failWith(thrown: unknown): void {
    if (isOver) return
    stop()
    fail(thrown)
  }

  function stop(): void {
    if (isOver) return
    isOver = true
    socket.off('drain', onDrain)
    body.off('data', onData).off('end', onEnd).off('close', onClose)
    body.destroy()
  }

  body.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onError)
  socket.on('drain', onDrain)
  return { isComplete: () => isComplete, stop }
}
