import type { Clock } from '../ground/clock.ts'
import { GatewayError } from '../ground/errors.ts'
import { inBackground, tellFault } from '../ground/guarded.ts'
import { parseJson } from '../ground/json.ts'
import { fieldsOf, isObject } from '../ground/objects.ts'
import { plainLine } from '../ground/terminal.ts'
import type { Peek } from '../protocols/protocol.ts'
import { serverProtocols } from '../protocols/protocols.ts'
import { createEventReader } from '../ground/whole-events.ts'
import type { From, InnerDoor, InnerSink } from '../proxy/inner.ts'
import type { SessionEnd } from '../sessions/record.ts'
import type { Server } from '../sessions/server.ts'
import type { Session } from '../sessions/session.ts'
import { ownerOf } from '../sessions/session.ts'
import type { Known } from './catalogue.ts'
import type { Ask } from './learning.ts'

/** The sessions that one session of a bundle has at its servers. */
export interface MemberSet {
  /** The session at this server: one that is open, else a new one. */
  get(server: Server, from: From): Session | Promise<Session>
  /**
   * Finds those that this session has opened at another gateway, before anything else is done.
   *
   * @returns undefined when there is nothing to look for
   */
  restore(from: From): Promise<void> | undefined
  /** Those that are open. */
  all(): { server: Server; session: Session }[]
  /** What is to be said of it with its next result: its state of before is gone. Said once. */
  takeEnd(server: string): SessionEnd | undefined
}

export interface MemberSetOptions {
  clock: Clock
  parent: Session
  servers: ReadonlyMap<string, Server>
  door: InnerDoor
  /** `params` of the client's `initialize`, as JSON. */
  hello(): string
  /** A new one answers from now on; what it is told before anything else is said here. */
  opened(server: Server, session: Session, from: From): Promise<void> | undefined
  /** What a fresh one says of itself. */
  introduced(server: Server, session: Session, said: Known['capabilities'], from: From): void
}

interface Member {
  session: Session | undefined
  opening: Promise<Session> | undefined
  end: SessionEnd | undefined
}

/** Ends after which nothing was lost: it had never served. */
const neverLived: ReadonlySet<SessionEnd['reason']> = new Set(['start-failed', 'abandoned'])

export function createMemberSet(options: MemberSetOptions): MemberSet {
  const { parent, servers, door, hello } = options
  const members = new Map<string, Member>()
  // One that has just been opened has none anywhere.
  let isRestored = !parent.isShared || parent.record.state !== 'live'
  let restoring: Promise<void> | undefined
  const isLive = (session: Session | undefined): session is Session =>
    session !== undefined && session.end === undefined

  const memberOf = (name: string): Member => {
    const known = members.get(name)
    if (known !== undefined) return known
    const made = { session: undefined, opening: undefined, end: undefined }
    members.set(name, made)
    return made
  }

  async function open(member: Member, server: Server, from: From): Promise<Session> {
    // What has asked for it may go away; others may wait for it by then.
    const { signal } = new AbortController()
    const opened = await door.open(parent, server, { params: hello(), from }, signal)
    const { session, before, initialized } = opened
    if (before !== undefined && !neverLived.has(before.reason)) member.end = before
    await options.opened(server, session, from)
    member.session = session
    if (initialized !== undefined) {
      options.introduced(server, session, resultIn(initialized), from)
    }
    return session
  }

  async function findAll(from: From): Promise<void> {
    const found = [...servers.values()].map(async (server) => {
      const session = await door.find(parent, server, from)
      if (session !== undefined) memberOf(server.name).session = session
    })
    try {
      await Promise.all(found)
      isRestored = true
    } finally {
      restoring = undefined
    }
  }

  return {
    get(server, from) {
      const member = memberOf(server.name)
      if (isLive(member.session)) return member.session
      member.opening ??= open(member, server, from).finally(() => (member.opening = undefined))
      return member.opening
    },

    restore(from) {
      restoring ??= isRestored ? undefined : findAll(from)
      return restoring
    },

    all() {
      return [...members].flatMap(([name, { session }]) => {
        const server = servers.get(name)
        return server !== undefined && isLive(session) ? [{ server, session }] : []
      })
    },

    takeEnd(server) {
      const member = members.get(server)
      const end = member?.end
      if (member !== undefined) member.end = undefined
      return end
    },
  }
}

/** The result of `initialize`, whether it came as JSON or in a stream. */
export function resultIn(answer: Buffer): Readonly<Record<string, unknown>> {
  let result: unknown
  const take = (text: string): void => {
    const read = parseJson(text, mostBytes)
    if (read.ok && isObject(read.value) && isObject(read.value.result)) result = read.value.result
  }
  take(answer.toString())
  if (result === undefined) {
    const push = createEventReader(({ data }) => take(data))
    push(Buffer.concat([answer, Buffer.from('\n\n')]))
  }
  return fieldsOf(result)
}

/** `firstAnswerBytes`, and all that comes before it. */
const mostBytes = 4 * 1024 * 1024
let asked = 0
/** A list that takes longer is none. */
const askMs = 10_000

/**
 * Asks a member something of the gateway's own.
 *
 * @param other what comes beside the answer: requests and news of the server
 */
export function createAsk(
  { clock, door }: { clock: Clock; door: InnerDoor },
  session: Session,
  from: From,
  other: (data: string, message: Peek) => void,
): Ask {
  return (method, params) =>
    new Promise((resolve, reject) => {
      asked += 1
      const id = `berth-${method}-${asked}`
      const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
      const { messages } = serverProtocols.usual.read(body) as { messages: Peek[] }
      const late = (): void => upstream.abort(new GatewayError('ERR_PROXY_REQUEST_TIMEOUT'))
      const limit = clock.after(askMs, late)
      const take = (data: string, message: Peek | undefined): void => {
        if (message === undefined) return
        if (message.kind !== 'response') other(data, message)
        else if (message.id === id) settle(data)
      }
      /** What it does not know it has nothing of; any other error says nothing of what it has. */
      const settle = (data: string): void => {
        const { result, error } = fieldsIn(data)
        const { code, message = '' } = fieldsOf(error)
        if (isObject(result)) resolve(result)
        else if (code === unknownMethod) resolve(undefined)
        else {
          const how = `it answered with the error ${String(code)}: ${plainLine(String(message), 200)}`
          const params = { command: session.server.launch.shown, what: method, how }
          reject(new GatewayError('ERR_WORKERS_REFUSED', { params }))
        }
      }
      const sink: InnerSink = {
        open: () => undefined,
        event: take,
        answer: take,
        end() {
          limit.cancel()
          // After an answer this says nothing any more.
          reject(new GatewayError('ERR_PROXY_WORKER_CUT'))
        },
        fail(error) {
          limit.cancel()
          reject(error)
        },
      }
      const upstream = door.send(session, { method: 'POST', body, messages, from }, sink)
    })
}

/** Of what the gateway has asked: its answer is for nobody else, and has all that there is. */
export const isOwnId = (id: string | number): boolean =>
  typeof id === 'string' && /^berth-[a-z/]+-\d+$/i.test(id)

const unknownMethod = -32601

function fieldsIn(text: string): Readonly<Record<string, unknown>> {
  const read = parseJson(text, mostBytes)
  return read.ok ? fieldsOf(read.value) : {}
}

/** Says something to a member, and waits for no more than that it was taken. */
export function tellMember(
  door: InnerDoor,
  session: Session,
  body: Buffer,
  from: From,
): Promise<void> {
  const { messages } = serverProtocols.usual.read(body) as { messages?: Peek[] }
  return new Promise((resolve, reject) => {
    door.send(
      session,
      { method: 'POST', body, messages: messages ?? [], from },
      {
        open: () => undefined,
        event: () => undefined,
        answer: () => undefined,
        end: resolve,
        fail: reject,
      },
    )
  })
}

/** The same where nobody waits for it. */
export function mention(door: InnerDoor, session: Session, body: Buffer, from: From): void {
  inBackground(
    tellMember(door, session, body, from),
    tellFault('telling a member of a bundle', ownerOf(session)),
  )
}
