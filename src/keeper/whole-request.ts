import type { IncomingMessage, ServerResponse } from 'node:http'

import type { OnFault } from '../ground/guarded.ts'
import { guarded } from '../ground/guarded.ts'
import { refuse } from './control-replies.ts'
import { bodyLimitBytes } from './replies.ts'
import type { Asked, Reply } from './reply.ts'

/**
 * Serves over HTTP what is served over frames: for the goodbye of a session, and for gateways of a
 * version that knows no frames. A body that is cut off is never served.
 */
export function servedWhole(
  serve: (asked: Asked, reply: Reply) => void,
  onFault: OnFault,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const { method = '', headers } = request
    const hand = guarded(
      (chunks: Buffer[] | undefined) => {
        const body = chunks && Buffer.concat(chunks).toString()
        serve({ method, headers: headers as Asked['headers'], body }, response)
      },
      (thrown) => {
        onFault(thrown)
        refuse(response)
      },
    )
    if (method === 'POST') readBody(request, hand)
    else hand([])
  }
}

/** Reads a body; undefined when it is longer than a body may be. To put it together is not done here. */
function readBody(request: IncomingMessage, onRead: (chunks: Buffer[] | undefined) => void): void {
  let chunks: Buffer[] = []
  let bodyBytes = 0
  request.on('data', (chunk: Buffer) => {
    bodyBytes += chunk.length
    if (bodyBytes > bodyLimitBytes) chunks = []
    else chunks.push(chunk)
  })
  request.on('end', () => {
    onRead(bodyBytes > bodyLimitBytes ? undefined : chunks)
  })
}
