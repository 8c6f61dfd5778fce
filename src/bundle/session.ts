import type { Readable } from 'node:stream'

import { GatewayError } from '../ground/errors.ts'
import { guarded, inBackground, tellFault } from '../ground/guarded.ts'
import type { RpcId } from '../ground/jsonrpc.ts'
import { asGatewayError, explain, rpcError } from '../ground/replies.ts'
import { partsOf } from '../protocols/batch.ts'
import type { Peek } from '../protocols/protocol.ts'
import { serverProtocols } from '../protocols/protocols.ts'
import type { Asking, From, Receiver, Upstreams } from '../proxy/inner.ts'
import { ownerOf } from '../sessions/session.ts'
import { createConversation } from './conversation.ts'
import { readMessage, type Message } from './message.ts'
import type { Out } from './out.ts'
import { batchOut, outTo } from './out.ts'
import type { BundleSessionOptions } from './room.ts'

const nobody: From = {
  caller: { principal: 'anonymous', identity: undefined },
  credentialHeaders: {},
  headers: {},
  requestId: '',
}

/**
 * The worker of a bundle's session: it reads what the client sends, and answers it itself or lets one
 * of its members answer.
 */
export function openBundle(options: BundleSessionOptions): Upstreams {
  const { events, session } = options
  const owner = ownerOf(session)
  const onFault = tellFault('serving a session of a bundle', owner)
  const conversation = createConversation(options)

  async function post(asking: Asking, receiver: Receiver): Promise<void> {
    const bytes = await wholeOf(asking.body)
    const from = asking.from ?? nobody
    const messages = messagesOf(bytes)
    const requests = messages.filter(({ peek }) => peek.kind === 'request')
    const outs =
      messages.length > 1 && requests.length > 0 ? batchOut(receiver, requests.length) : []
    const only = outTo(receiver)
    for (const { message, peek } of messages) {
      const isRequest = peek.kind === 'request'
      const out = messages.length === 1 ? only : isRequest ? (outs.shift() ?? silent) : silent
      const failed = (thrown: unknown): void => answerError(out, peek.id, thrown, from)
      try {
        const done = conversation.take(message, peek, from, out)
        if (done !== undefined) inBackground(done.then(undefined, failed), onFault)
      } catch (thrown) {
        failed(thrown)
      }
    }
    if (messages.length !== 1 && requests.length === 0) only.accept()
  }

  /** In the shoes of a server: the request has failed, and not the connection. */
  function answerError(out: Out, id: RpcId | undefined, thrown: unknown, from: From): void {
    const error = asGatewayError(thrown)
    const { code, statusCode } = error
    const { requestId } = from
    events.emit('request.failed', { requestId, code, statusCode, cause: explain(error) })
    if (id === undefined) out.accept()
    else out.answer(JSON.stringify(rpcError(error, requestId, id)))
  }

  return {
    dispatch(asking, receiver) {
      const { method, headers, from = nobody } = asking
      const broke = (thrown: unknown): void => {
        onFault(thrown)
        receiver.broke(thrown instanceof Error ? thrown : new Error('It failed.'))
      }
      if (method === 'GET') {
        const last = headers['last-event-id']
        const eventId = typeof last === 'string' && last !== '' ? last : undefined
        const listen = guarded(() => conversation.listen(eventId, receiver, from), broke)
        // Not at once: whoever asks has to know first whom to call off.
        process.nextTick(listen)
      } else {
        receiver.sent({ pause: () => undefined, resume: () => undefined, abort: () => undefined })
        inBackground(post(asking, receiver), broke)
      }
    },
    destroy() {
      conversation.end()
      return Promise.resolve()
    },
  }
}

const silent: Out = {
  answer: () => undefined,
  open: () => undefined,
  event: () => undefined,
  accept: () => undefined,
  end: () => undefined,
}

interface Read {
  message: Message
  peek: Peek
}

/** What was POSTed, each message for itself. It was read before, and so is known to be some. */
function messagesOf(bytes: Buffer): Read[] {
  const posted = serverProtocols.usual.read(bytes)
  if (posted.form === 'message') return readWith(bytes, posted.messages[0])
  if (posted.form !== 'batch') throw new GatewayError('ERR_PROXY_NOT_RPC')
  return partsOf(bytes.toString()).flatMap((part, index) => {
    const peek = posted.messages[index]
    return peek === undefined ? [] : readWith(Buffer.from(part), peek)
  })
}

function readWith(bytes: Buffer, peek: Peek): Read[] {
  const message = readMessage(bytes)
  if (message === undefined) throw new GatewayError('ERR_PROXY_TOO_INTRICATE')
  return [{ message, peek }]
}

async function wholeOf(body: Buffer | Readable | null): Promise<Buffer> {
  if (body === null) return Buffer.alloc(0)
  if (Buffer.isBuffer(body)) return body
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
