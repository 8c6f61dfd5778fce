import type { Access, NameKind } from '../auth/access.ts'
import { mayUse } from '../auth/access.ts'
import { GatewayError } from '../ground/errors.ts'
import { inBackground, tellFault } from '../ground/guarded.ts'
import type { RpcId } from '../ground/jsonrpc.ts'
import { asGatewayError, rpcError } from '../ground/replies.ts'
import { mcpVersions } from '../ground/mcp-versions.ts'
import { namesIn } from '../protocols/names.ts'
import type { Peek } from '../protocols/protocol.ts'
import type { From, Receiver } from '../proxy/inner.ts'
import type { Server } from '../sessions/server.ts'
import type { Session } from '../sessions/session.ts'
import { ownerOf } from '../sessions/session.ts'
import { greet } from './greeting.ts'
import { createKnowledge } from './knowledge.ts'
import { listsOf } from './learning.ts'
import { createListening } from './listening.ts'
import { logMessage } from './log-message.ts'
import { createAsk, createMemberSet, tellMember } from './members.ts'
import type { Message } from './message.ts'
import { fieldsOf, textAt, withValues } from './message.ts'
import { tagged, untagged } from './names.ts'
import type { Out } from './out.ts'
import { createPassage } from './passage.ts'
import type { Missing, Route } from './routes.ts'
import { invalidParams, relatedValues, routeOf } from './routes.ts'
import type { BundleSessionOptions } from './room.ts'
import { kindOfList } from './view.ts'

/** What goes on between the client of a bundle's session and its members. */
export interface Conversation {
  /** A message of the client. @throws, or rejects with, what its request is answered with */
  take(message: Message, peek: Peek, from: From, out: Out): Promise<void> | undefined
  /** The client listens: to all members, or where a stream of one of them broke off. */
  listen(lastEventId: string | undefined, receiver: Receiver, from: From): Promise<void>
  end(): void
}

/** A server that has died is known to be dead, and how, a moment after its connection broke. */
const deathMs = 2000

/** Of a client whose first words were too long to be kept, and who has come to another gateway. */
const unknownClient = JSON.stringify({
  protocolVersion: mcpVersions[0],
  capabilities: {},
  clientInfo: { name: 'unknown', version: '0' },
})

export function createConversation(options: BundleSessionOptions): Conversation {
  const { clock, room, session, door } = options
  const { bundle, servers } = room
  const isLimited = [...servers.values()].some(({ access }) => access !== undefined)
  const { access } = session.server
  const denied: Access = { allow: undefined, deny: access?.deny ?? [] }
  const onFault = tellFault('serving a session of a bundle', ownerOf(session))
  let hello: string | undefined
  let level: string | undefined

  const hear = (server: Server, data: string, peek: Peek, from: From): string | undefined =>
    passage.hear(server, data, peek, from)
  /** Whether this caller may use that of a server, as the server calls it. */
  const isAllowed = (
    server: Server | undefined,
    { caller }: From,
    kind: NameKind,
    name: string,
  ): boolean => {
    if (server?.access !== undefined && !mayUse(server.access, caller, kind, name)) return false
    // What the bundle denies is so under an alias, too.
    return kind !== 'resources' || access === undefined || mayUse(denied, caller, kind, name)
  }
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
      const named = kind === 'templates' ? 'resources' : kind
      const entries = knowledge
        .view()
        .list(kind)
        .filter(({ server, name }) => isAllowed(servers.get(server), from, named, name))
      answer({ [listsOf[kind].member]: entries.map(({ entry }) => entry) })
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
        return forward(message, peek, from, out)
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

  /** A request that one of the members answers. */
  function forward(message: Message, peek: Peek, from: From, out: Out): Promise<void> | undefined {
    const route = routeOf(message, knowledge.view())
    if (isLimited && namesIn(message.bytes) === undefined) {
      throw new GatewayError('ERR_PROXY_AMBIGUOUS')
    }
    if (route !== undefined && 'server' in route) return send(route, message, peek, from, out)
    if (route === undefined) {
      refuse(out, peek.id, { code: -32601, message: 'Method not found' })
      return undefined
    }
    // It may be of a server that nobody knows yet.
    const unknown = [...servers.values()].filter(({ name }) => mayBeOf(name, message))
    if (unknown.length === 0) {
      refuse(out, peek.id, route)
      return undefined
    }
    return Promise.allSettled(unknown.map((server) => knowledge.ask(server, from))).then(() => {
      const again = routeOf(message, knowledge.view())
      if (again !== undefined && 'server' in again) return send(again, message, peek, from, out)
      refuse(out, peek.id, again ?? route)
      return undefined
    })
  }

  function mayBeOf(name: string, { params }: Message): boolean {
    if (knowledge.known(name) !== undefined) return false
    const { prefix = '' } = bundle.members.find(({ server }) => server === name) ?? {}
    return typeof params.name !== 'string' || params.name.startsWith(prefix)
  }

  function send(
    { server: name, values, about }: Route,
    message: Message,
    peek: Peek,
    from: From,
    out: Out,
  ): Promise<void> | undefined {
    const server = servers.get(name)
    if (server === undefined) {
      refuse(out, peek.id, { code: invalidParams, message: 'Task not found' })
      return undefined
    }
    if (about !== undefined && !isAllowed(server, from, about.kind, about.name)) {
      refuse(out, peek.id, about.missing)
      return undefined
    }
    const failed = (thrown: unknown): void => {
      const answered = asGatewayError(thrown)
      out.answer(JSON.stringify(rpcError(answered, from.requestId, peek.id ?? null)))
    }
    /** The server has gone, which is known in a moment: then the request goes to the next session. */
    const again = (member: Session) => (error: GatewayError) => {
      const next = ended(member).then(async (isOver) => {
        if (!isOver) throw error
        go(await members.get(server, from), true)
      })
      inBackground(next.then(undefined, failed), onFault)
    }
    const go = (member: Session, isAgain = false): void => {
      const end = members.takeEnd(name)
      if (end !== undefined && bundle.onMemberEnd === 'fail') {
        throw new GatewayError('ERR_BUNDLE_MEMBER_ENDED', {
          params: { server: name, reason: end.reason },
        })
      }
      const body = withValues(message, values)
      const token = textAt(message, 'params/_meta/progressToken')
      const unsent = isAgain ? undefined : again(member)
      passage.send({ server, id: peek.id as RpcId, token, from, out, end, unsent }, (sink) =>
        door.send(member, { method: 'POST', body, messages: [peek], from }, sink),
      )
    }
    const member = members.get(server, from)
    if (member instanceof Promise) return member.then((opened) => go(opened))
    go(member)
    return undefined
  }

  /** @returns whether its end has begun, after a while in which it would be known */
  function ended(member: Session): Promise<boolean> {
    return new Promise((resolve) => {
      const limit = clock.after(deathMs, () => {
        forget()
        resolve(member.end !== undefined)
      })
      const forget = member.onEnding(() => {
        limit.cancel()
        resolve(true)
      })
    })
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

  function refuse(out: Out, id: RpcId | undefined, error: Missing): void {
    out.answer(JSON.stringify({ jsonrpc: '2.0', id: id ?? null, error }))
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

const paramsOf = (bytes: Buffer): string =>
  JSON.stringify((JSON.parse(bytes.toString()) as { params?: unknown }).params ?? {})
