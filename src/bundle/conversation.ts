import { tellFault } from '../ground/guarded.ts'
import type { RpcId } from '../ground/jsonrpc.ts'
import { mcpVersions } from '../ground/mcp-versions.ts'
import { kindOfList, listsOf } from '../protocols/lists.ts'
import { namesIn } from '../protocols/names.ts'
import { parseJson } from '../ground/json.ts'
import { fieldsOf } from '../ground/objects.ts'
import type { Peek } from '../protocols/protocol.ts'
import type { From, Receiver } from '../proxy/inner.ts'
import type { Server } from '../sessions/server.ts'
import type { Session } from '../sessions/session.ts'
import { ownerOf } from '../sessions/session.ts'
import { greet } from './greeting.ts'
import { createKnowledge } from './knowledge.ts'
import { createListening } from './listening.ts'
import { logMessage } from './log-message.ts'
import { createAsk, createMemberSet, tellMember } from './members.ts'
import type { Message } from './message.ts'
import { withValues } from './message.ts'
import { tagged, untagged } from './names.ts'
import type { Out } from './out.ts'
import { createPassage } from './passage.ts'
import { createPermission, isAnyLimited } from './permission.ts'
import { createRequests, refuse } from './requests.ts'
import { invalidParams, relatedValues } from './routes.ts'
import type { BundleSessionOptions } from './room.ts'

/** What goes on between the client of a bundle's session and its members. */
export interface Conversation {
  /** A message of the client. @throws, or rejects with, what its request is answered with */
  take(message: Message, peek: Peek, from: From, out: Out): Promise<void> | undefined
  /** The client listens: to all members, or where a stream of one of them broke off. */
  listen(lastEventId: string | undefined, receiver: Receiver, from: From): Promise<void>
  end(): void
}

/** Of a client whose first words were too long to be kept, and who has come to another gateway. */
const unknownClient = JSON.stringify({
  protocolVersion: mcpVersions[0],
  capabilities: {},
  clientInfo: { name: 'unknown', version: '0' },
})

export function createConversation(options: BundleSessionOptions): Conversation {
  const { clock, room, session, door } = options
  const { bundle, servers } = room
  let hello: string | undefined
  let level: string | undefined

  const hear = (server: Server, data: string, peek: Peek, from: From): string | undefined =>
    passage.hear(server, data, peek, from)
  const isAllowed = createPermission(session)
  const isLimited = isAnyLimited(servers)
  const knowledge = createKnowledge({
    ...options,
    members: () => members,
    say: (message) => listening.say(message),
    hear(server, data, peek, from) {
      const text = hear(server, data, peek, from)
      if (text !== undefined) listening.say(text)
    },
  })
  const members = createMemberSet({
    clock,
    parent: session,
    servers,
    door,
    hello: () => hello ?? session.record.initialize ?? unknownClient,
    async opened(server, member, from) {
      const follows = listening.follow(server, member)
      await Promise.all([follows, sayLevel(server, member, from)])
    },
    introduced: (server, member, said, from) => knowledge.learn(server, member, said, from),
  })
  const listening = createListening({ clock, session, door, open: members.all, hear })
  const passage = createPassage({
    room,
    view: knowledge.view,
    changed: knowledge.changed,
    say: (message) => listening.say(message),
  })

  const requests = createRequests({ ...options, knowledge, members, passage, isAllowed })

  async function sayLevel(server: Server, member: Session, from: From): Promise<void> {
    if (level === undefined || knowledge.known(server.name)?.capabilities.logging === undefined) {
      return
    }
    try {
      await askOf(server, member, from)('logging/setLevel', { level })
    } catch (thrown) {
      tellFault('setting the level of a log', ownerOf(member))(thrown)
    }
  }

  const askOf = (server: Server, member: Session, from: From) =>
    createAsk({ clock, door }, member, from, (data, peek) => {
      const text = hear(server, data, peek, from)
      if (text !== undefined) listening.say(text)
    })

  function request(message: Message, peek: Peek, from: From, out: Out): Promise<void> | undefined {
    const id = peek.id as RpcId
    const answer = (result: unknown): void =>
      out.answer(JSON.stringify({ jsonrpc: '2.0', id, result }))
    const kind = kindOfList(message.method)
    if (kind !== undefined) {
      knowledge.listed(kind)
      if (typeof message.params.cursor === 'string') {
        refuse(out, id, { code: invalidParams, message: 'Invalid cursor' })
        return undefined
      }
      const { capability, member } = listsOf[kind]
      const entries = knowledge
        .view()
        .list(kind)
        .filter(({ server, name }) => isAllowed(servers.get(server), from, capability, name))
      answer({ [member]: entries.map(({ entry }) => entry) })
      return undefined
    }
    switch (message.method) {
      case 'initialize':
        return initialize(message, peek, from).then(answer)
      case 'ping':
        answer({})
        return undefined
      case 'logging/setLevel':
        level = typeof message.params.level === 'string' ? message.params.level : undefined
        return Promise.all(
          members.all().map(({ server, session: member }) => sayLevel(server, member, from)),
        ).then(() => answer({}))
      case 'tasks/list':
        return tasks(from).then((found) => answer({ tasks: found }))
      default:
        return requests.forward(message, peek, from, out)
    }
  }

  async function initialize(message: Message, peek: Peek, from: From): Promise<unknown> {
    const wanted = peek.protocolVersion ?? ''
    const protocolVersion = mcpVersions.includes(wanted) ? wanted : (mcpVersions[0] ?? wanted)
    const spoken = withValues(message, {
      'params/protocolVersion': JSON.stringify(protocolVersion),
    })
    hello = paramsOf(spoken)
    const missing = await knowledge.prepare(from)
    for (const [server, why] of missing) {
      const data = `${server} is not there yet: ${why}.`
      listening.say(logMessage(data))
    }
    return greet(bundle, protocolVersion, knowledge.known, missing)
  }

  /** A message that is no request: to the member that it is for, or to all. */
  function inform(message: Message, peek: Peek, from: From): Promise<unknown> | undefined {
    const { params } = message
    const to = (name: string | undefined, values: Readonly<Record<string, string>>) => {
      const found = members.all().find(({ server }) => server.name === name)
      if (found === undefined) return undefined
      return tellMember(door, found.session, withValues(message, values), from)
    }
    if (peek.kind === 'response') {
      const own = untagged(peek.id)
      const values = { ...relatedValues(message), id: JSON.stringify(own?.value) }
      return own === undefined ? undefined : to(own.server, values)
    }
    if (peek.method === 'notifications/initialized') return undefined
    // A server may do what a notification says: what asks for a name is a request, or nothing.
    if (isLimited && namesIn(message.bytes)?.length !== 0) return undefined
    switch (peek.method ?? '') {
      case 'notifications/cancelled':
        return peek.cancels === undefined ? undefined : to(passage.serverOf(peek.cancels), {})
      case 'notifications/progress': {
        const own = untagged(params.progressToken)
        return to(own?.server, { 'params/progressToken': JSON.stringify(own?.value) })
      }
      default:
        return Promise.all(
          members.all().map(({ session: member }) => tellMember(door, member, message.bytes, from)),
        )
    }
  }

  /** Of all members that keep any. */
  async function tasks(from: From): Promise<unknown[]> {
    const able = members
      .all()
      .filter(({ server }) => knowledge.known(server.name)?.capabilities.tasks !== undefined)
    const found = await Promise.all(
      able.map(async ({ server, session: member }) => {
        const result = await askOf(server, member, from)('tasks/list', {})
        const listed: unknown = result?.tasks
        if (!Array.isArray(listed)) return []
        return (listed as unknown[]).map((task) => {
          const { taskId, ...rest } = fieldsOf(task)
          return { taskId: tagged(server.name, String(taskId)), ...rest }
        })
      }),
    )
    return found.flat()
  }

  function taken(message: Message, peek: Peek, from: From, out: Out): Promise<void> | undefined {
    if (peek.kind === 'request') return request(message, peek, from, out)
    const told = inform(message, peek, from)
    if (told === undefined) out.accept()
    return told?.then(() => out.accept())
  }

  return {
    take(message, peek, from, out) {
      const restored = members.restore(from)
      if (restored !== undefined) {
        return restored.then(() => taken(message, peek, from, out))
      }
      return taken(message, peek, from, out)
    },

    async listen(lastEventId, receiver, from) {
      await members.restore(from)
      if (lastEventId === undefined || listening.isOwn(lastEventId)) {
        await listening.listen(lastEventId, receiver, from)
        return
      }
      const at = lastEventId.indexOf('~')
      const server = servers.get(lastEventId.slice(0, at))
      if (server === undefined) {
        // Of a server that is no part of the bundle any more: there is nothing to go on with.
        await listening.listen(undefined, receiver, from)
        return
      }
      const eventId = lastEventId.slice(at + 1)
      const member = await members.get(server, from)
      passage.resume({ server, receiver, from }, (sink) =>
        door.send(
          member,
          { method: 'GET', body: null, messages: [], from, lastEventId: eventId },
          sink,
        ),
      )
    },

    end() {
      knowledge.end()
      listening.end()
    },
  }
}

/** So much of what a client says of itself is said to each server; it is kept as long as the session. */
const longestHello = 64 * 1024

/** `params` of `initialize`, without what is no part of it where they are too long. */
function paramsOf(bytes: Buffer): string {
  const read = parseJson(bytes.toString(), Number.POSITIVE_INFINITY)
  const params = fieldsOf(read.ok ? fieldsOf(read.value).params : undefined)
  const { protocolVersion, capabilities = {}, clientInfo } = params
  const { name, version } = fieldsOf(clientInfo)
  const usual = { protocolVersion, capabilities, clientInfo: { name, version } }
  const fits = [params, usual].map((one) => JSON.stringify(one)).find(isShort)
  return fits ?? unknownClient
}

const isShort = (text: string): boolean => text.length <= longestHello
