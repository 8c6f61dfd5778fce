import { bytesOfText, textOfBytes } from '../ground/byte-text.ts'
import { GatewayError } from '../ground/errors.ts'
import type { RpcId } from '../ground/jsonrpc.ts'
import { idKey } from '../ground/jsonrpc.ts'
import { asGatewayError, rpcError } from '../ground/replies.ts'
import type { ListKind } from '../protocols/lists.ts'
import { listKinds, listsOf } from '../protocols/lists.ts'
import type { Peek } from '../protocols/protocol.ts'
import { reopenedKey, withMember } from '../protocols/with-member.ts'
import type { From, InnerSink, Receiver, Upstream } from '../proxy/inner.ts'
import type { SessionEnd } from '../sessions/record.ts'
import type { Server } from '../sessions/server.ts'
import type { BundleRoom } from './room.ts'
import type { Pending } from './from-member.ts'
import { fromMember } from './from-member.ts'
import { logMessage } from './log-message.ts'
import { isOwnId } from './members.ts'
import type { Out } from './out.ts'
import { outTo } from './out.ts'
import type { View } from './view.ts'

/** The way of members' messages to the client, and which of its requests each of them answers. */
export interface Passage {
  /** What the client is told of a message that belongs to no request of its own. */
  hear(server: Server, data: string, peek: Peek, from: From): string | undefined
  /**
   * Lets a member answer a request of the client.
   *
   * @param start sends it @throws what that throws
   */
  send(what: Awaited, start: (sink: InnerSink) => Upstream): void
  /** The server that was asked this. */
  serverOf(id: RpcId): string | undefined
  /** Goes on with a stream of a member where it broke off. */
  resume(what: Resumed, start: (sink: InnerSink) => Upstream): void
}

export interface Awaited {
  server: Server
  id: RpcId
  /** The client's progress token, as JSON. */
  token: string | undefined
  from: From
  out: Out
  /** How the session before this one ended, which the result is to say. */
  end: SessionEnd | undefined
  /** In place of an error where it was not sent at all. Absent: the error is the answer. */
  unsent?: ((error: GatewayError) => void) | undefined
}

export interface Resumed {
  server: Server
  receiver: Receiver
  from: From
}

export interface PassageOptions {
  room: BundleRoom
  view(): View
  changed(server: Server, kind: ListKind, from: From): void
  say(message: string): void
}

interface InFlight {
  server: string
  token: string | undefined
}

export function createPassage({ room, view, changed, say }: PassageOptions): Passage {
  const inFlight = new Map<string, InFlight>()

  const hasToken = (server: string, token: unknown): boolean => {
    const key = JSON.stringify(token)
    for (const one of inFlight.values()) if (one.server === server && one.token === key) return true
    return false
  }
  const shownUri = (server: string, uri: string): string => view().uris.shown(server, uri)
  const usual: Pending = {
    isAwaited: (server, id) => inFlight.get(idKey(id))?.server === server,
    hasToken,
    shownUri,
  }
  /** What goes on there was asked at a time, or a gateway, of which nothing is known here. */
  const ofResumed: Pending = {
    isAwaited(server, id) {
      const asked = inFlight.get(idKey(id))
      return asked === undefined ? !isOwnId(id) : asked.server === server
    },
    hasToken(server, token) {
      const key = JSON.stringify(token)
      return [...inFlight.values()].every((one) => one.token !== key || one.server === server)
    },
    shownUri,
  }

  function pass({ name }: Server, data: string, peek: Peek, pending: Pending): string | undefined {
    const passed = fromMember(name, data, peek, pending)
    if ('text' in passed) return passed.text
    room.warn(name, `${name} sent ${passed.dropped}; the client does not get it.`)
    return undefined
  }

  function heard(
    server: Server,
    data: string,
    peek: Peek,
    from: From,
    pending: Pending,
  ): string | undefined {
    const kinds = listsThatChange(peek.method)
    if (kinds.length === 0) return pass(server, data, peek, pending)
    // The client is told when it is known what the list is now.
    for (const kind of kinds) changed(server, kind, from)
    return undefined
  }

  /** @returns what an event of a member's stream is to the client */
  function eventOf(
    { server, from }: Pick<Awaited, 'server' | 'from'>,
    data: string,
    peek: Peek | undefined,
    pending: Pending,
  ): string | undefined {
    return peek === undefined ? '' : heard(server, data, peek, from, pending)
  }
  const shownEventId = ({ name }: Server, id: string | undefined): string | undefined =>
    id === undefined ? undefined : `${name}~${id}`

  function sinkOf(what: Awaited, pending: Pending): InnerSink {
    const { server, id, from, out, end, unsent } = what
    const { name } = server
    const key = idKey(id)
    const isIt = (peek: Peek | undefined): boolean => peek?.kind === 'response' && peek.id === id
    const told = (text: string): string => (end === undefined ? text : withEnd(text, id, name, end))
    return {
      open() {
        out.open()
        if (end !== undefined) out.event(goneMessage(name, end), undefined)
      },
      event(data, peek, eventId) {
        const text = eventOf(what, data, peek, pending)
        if (text !== undefined)
          out.event(isIt(peek) ? told(text) : text, shownEventId(server, eventId))
      },
      answer(data, peek) {
        const text = heard(server, data, peek, from, pending)
        if (text === undefined) return
        if (!isIt(peek)) say(text)
        else {
          if (end !== undefined) say(goneMessage(name, end))
          inFlight.delete(key)
          out.answer(told(text))
        }
      },
      end() {
        inFlight.delete(key)
        out.end()
      },
      fail(error) {
        inFlight.delete(key)
        if (unsent !== undefined && error.code === 'ERR_PROXY_WORKER_UNREACHABLE') {
          unsent(error)
          return
        }
        out.answer(JSON.stringify(rpcError(asMembers(error, name), from.requestId, id)))
      },
    }
  }

  return {
    hear: (server, data, peek, from) => heard(server, data, peek, from, usual),

    send(what, start) {
      const { server, id, token } = what
      const key = idKey(id)
      inFlight.set(key, { server: server.name, token })
      try {
        start(sinkOf(what, usual))
      } catch (thrown) {
        inFlight.delete(key)
        throw asGatewayError(thrown)
      }
    },

    serverOf: (id) => inFlight.get(idKey(id))?.server,

    resume(what, start) {
      const { server, receiver, from } = what
      const out = outTo(receiver)
      let isOpen = false
      let isRefused = false
      const refuse = (body: string): void => {
        if (isRefused) return
        isRefused = true
        receiver.head(400, { 'content-type': 'application/json' })
        receiver.data(Buffer.from(body))
        receiver.end()
      }
      const upstream = start({
        open() {
          isOpen = true
          out.open()
        },
        event(data, peek, eventId) {
          const text = eventOf(what, data, peek, ofResumed)
          if (text !== undefined) out.event(text, shownEventId(server, eventId))
        },
        answer: refuse,
        end() {
          if (isOpen) out.end()
        },
        fail(error) {
          if (isOpen) out.end()
          else refuse(JSON.stringify(rpcError(error, from.requestId, null)))
        },
      })
      receiver.sent(upstream)
    },
  }
}

const changes = new Map<string, ListKind[]>()
for (const kind of listKinds) {
  const method = `notifications/${listsOf[kind].capability}/list_changed`
  changes.set(method, [...(changes.get(method) ?? []), kind])
}
const listsThatChange = (method: string | undefined): readonly ListKind[] =>
  (method === undefined ? undefined : changes.get(method)) ?? none
const none: readonly ListKind[] = []

/** The session of a bundle goes on when that of a member has ended. */
function asMembers(error: GatewayError, server: string): GatewayError {
  if (error.code !== 'ERR_SESSIONS_ENDED') return error
  return new GatewayError('ERR_BUNDLE_MEMBER_LOST', { cause: error, params: { server } })
}

const goneMessage = (server: string, { reason }: SessionEnd): string =>
  logMessage(
    `The session of ${server} had ended (${reason}). A new one goes on: what the server kept in the old one is gone.`,
  )

function withEnd(text: string, id: RpcId, server: string, { reason, atMs }: SessionEnd): string {
  const about = { server, reason, endedAt: new Date(atMs).toISOString() }
  const told = withMember(bytesOfText(text), id, `"${reopenedKey}":${JSON.stringify(about)}`)
  return told === undefined ? text : textOfBytes(told)
}
