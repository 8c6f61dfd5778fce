import type { Clock } from '../ground/clock.ts'
import { GatewayError } from '../ground/errors.ts'
import { inBackground, tellFault } from '../ground/guarded.ts'
import type { RpcId } from '../ground/jsonrpc.ts'
import { asGatewayError, rpcError } from '../ground/replies.ts'
import { namesIn } from '../protocols/names.ts'
import type { Peek } from '../protocols/protocol.ts'
import type { From, InnerDoor } from '../proxy/inner.ts'
import type { Session } from '../sessions/session.ts'
import { ownerOf, untilEnding } from '../sessions/session.ts'
import type { Knowledge } from './knowledge.ts'
import type { MemberSet } from './members.ts'
import type { Message } from './message.ts'
import { textAt, withValues } from './message.ts'
import type { Out } from './out.ts'
import type { Passage } from './passage.ts'
import type { IsAllowed } from './permission.ts'
import { isAnyLimited } from './permission.ts'
import type { BundleRoom } from './room.ts'
import type { Missing, Route } from './routes.ts'
import { invalidParams, routeOf } from './routes.ts'

/** The requests of a client that its members answer. */
export interface Requests {
  /** @throws, or rejects with, what the request is answered with */
  forward(message: Message, peek: Peek, from: From, out: Out): Promise<void> | undefined
}

export interface RequestsOptions {
  clock: Clock
  room: BundleRoom
  session: Session
  door: InnerDoor
  knowledge: Knowledge
  members: MemberSet
  passage: Passage
  isAllowed: IsAllowed
}

/** A server that has died is known to be dead, and how, a moment after its connection broke. */
const deathMs = 2000

/** A request is answered with that, as a server answers for what it does not have. */
export function refuse(out: Out, id: RpcId | undefined, error: Missing): void {
  out.answer(JSON.stringify({ jsonrpc: '2.0', id: id ?? null, error }))
}

export function createRequests(options: RequestsOptions): Requests {
  const { clock, room, session, door, knowledge, members, passage, isAllowed } = options
  const { bundle, servers } = room
  const isLimited = isAnyLimited(servers)
  const onFault = tellFault('serving a session of a bundle', ownerOf(session))

  return { forward }

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
      const next = untilEnding(member, clock, deathMs).then(async (isOver) => {
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
}
