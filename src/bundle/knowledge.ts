import type { Clock } from '../ground/clock.ts'
import type { GatewayError } from '../ground/errors.ts'
import { guarded, inBackground, tellFault } from '../ground/guarded.ts'
import { asGatewayError } from '../ground/replies.ts'
import type { ListKind } from '../protocols/lists.ts'
import { listsOf } from '../protocols/lists.ts'
import type { Peek } from '../protocols/protocol.ts'
import type { From, InnerDoor } from '../proxy/inner.ts'
import type { Server } from '../sessions/server.ts'
import type { Session } from '../sessions/session.ts'
import { ownerOf } from '../sessions/session.ts'
import type { BundleRoom, ListListener } from './room.ts'
import { keepView, leftOutOf } from './room.ts'
import type { Entry, Known } from './catalogue.ts'
import { otherLists } from './catalogue.ts'
import { learn as learnAll, learnList } from './learning.ts'
import type { MemberSet } from './members.ts'
import { createAsk } from './members.ts'
import type { View } from './view.ts'

/** What one session of a bundle knows of its servers. */
export interface Knowledge {
  view(): View
  known(server: string): Known | undefined
  /**
   * Asks those of whom nothing is known, side by side, and waits for them no longer than 10 s.
   *
   * @returns why others are not there yet, in words for the client, by server
   */
  prepare(from: From): Promise<ReadonlyMap<string, string>>
  /** The same for one of them. */
  ask(server: Server, from: From): Promise<void>
  /** A fresh session says what there is. */
  learn(server: Server, member: Session, said: Known['capabilities'], from: From): void
  /** The server says that a list is another one for this session. */
  changed(server: Server, kind: ListKind, from: From): void
  /** The client has asked for such a list, and wants to know when it changes. */
  listed(kind: ListKind): void
  end(): void
}

export interface KnowledgeOptions {
  clock: Clock
  room: BundleRoom
  session: Session
  door: InnerDoor
  members(): MemberSet
  /** To the client, beside the answers to its requests. */
  say(message: string): void
  /** What a server says while it is asked for a list. */
  hear(server: Server, data: string, peek: Peek, from: From): void
}

/** Of a server of which nothing is known: what it does not have it does not answer. */
const whatever = { tools: {}, prompts: {}, resources: {}, logging: {}, completions: {} }

const prepareMs = 10_000
/** A server may say that its lists change as often as it likes. */
const relistMs = 1000

export function createKnowledge(options: KnowledgeOptions): Knowledge {
  const { clock, room, session, door, members } = options
  const { servers, catalogue, scouting } = room
  const { principal } = session
  const onFault = tellFault('learning what a server has', ownerOf(session))
  /** Lists that a server has for this session alone. */
  const own = new Map<string, ReadonlyMap<ListKind, readonly Entry[]>>()
  const learning = new Map<string, Promise<void>>()
  const relisting = new Set<string>()
  const wanted = new Set<ListKind>()

  const known = (name: string): Known | undefined => {
    const server = servers.get(name)
    const shared = server === undefined ? undefined : catalogue.of(server, principal)
    const lists = own.get(name)
    if (shared === undefined || lists === undefined) return shared
    return { ...shared, lists: { ...shared.lists, ...Object.fromEntries(lists) } }
  }
  const ownView = keepView(room, known)
  const listener: ListListener = {
    principal,
    changed(server, kinds) {
      announce(kinds.filter((kind) => own.get(server)?.has(kind) !== true))
    },
  }
  room.listeners.add(listener)
  for (const server of servers.values()) catalogue.lookAgain(server)

  /** Once for each kind of list that the protocol knows: templates are among the resources. */
  function announce(kinds: readonly ListKind[]): void {
    const told = new Set(
      kinds.filter((kind) => wanted.has(kind)).map((kind) => listsOf[kind].capability),
    )
    for (const name of told) {
      const method = `notifications/${name}/list_changed`
      options.say(JSON.stringify({ jsonrpc: '2.0', method }))
    }
  }

  const askOf = (server: Server, member: Session, from: From) =>
    createAsk({ clock, door }, member, from, (data, peek) => options.hear(server, data, peek, from))

  async function ask(server: Server, from: From): Promise<void> {
    if (known(server.name) !== undefined) return
    if (!catalogue.isPersonal(server)) {
      await scouting.ask(server, door)
      return
    }
    const member = await members().get(server, from)
    await learning.get(server.name)
    // It was opened at another gateway, and what it can do is not known here.
    if (known(server.name) === undefined) {
      learn(server, member, { capabilities: whatever }, from)
      await learning.get(server.name)
    }
  }

  function learn(server: Server, member: Session, said: Known['capabilities'], from: From): void {
    const leftOut = leftOutOf(server.name, room.warn)
    const work = learnAll(askOf(server, member, from), said, leftOut).then((found) => {
      if (catalogue.isPersonal(server)) catalogue.learn(server, principal, found)
      else compare(server, found)
    })
    const done = work.then(undefined, onFault).finally(() => {
      if (learning.get(server.name) === done) learning.delete(server.name)
    })
    learning.set(server.name, done)
    inBackground(done, onFault)
  }

  /** What this session is told otherwise holds for it; what others are told has to be looked at. */
  function compare(server: Server, found: Known): void {
    const kinds = otherLists(catalogue.of(server, principal), found)
    if (kinds.length === 0) return
    if (keepOwn(server, new Map(kinds.map((kind) => [kind, found.lists[kind]])))) announce(kinds)
    scouting.doubt(server, door)
  }

  /** All that is kept is counted anew: lists come, and go. @returns false where there is no room */
  function keepOwn(server: Server, lists: ReadonlyMap<ListKind, readonly Entry[]>): boolean {
    room.ownLists.letGo(session)
    const all = new Map(own).set(server.name, lists)
    const bytes = [...all.values()]
      .flatMap((each) => [...each.values()])
      .reduce((sum, entries) => sum + JSON.stringify(entries).length, 0)
    const isKept = room.ownLists.keep(session, bytes)
    if (isKept) own.set(server.name, lists)
    else {
      own.clear()
      const { name } = server
      room.warn(
        name,
        `${name} has lists of its own for too many sessions; some get the usual ones.`,
      )
    }
    ownView.forget()
    return isKept
  }

  async function relist(server: Server, kind: ListKind, from: From): Promise<void> {
    const found = members()
      .all()
      .find(({ server: { name } }) => name === server.name)
    if (found === undefined) return
    const entries = await learnList(
      askOf(server, found.session, from),
      kind,
      leftOutOf(server.name, room.warn),
    )
    const lists = new Map(own.get(server.name)).set(kind, entries)
    if (keepOwn(server, lists)) announce([kind])
  }

  return {
    known,
    ask,

    view() {
      const { usual } = room
      return own.size === 0 && usual !== undefined ? usual.get() : ownView.get()
    },

    async prepare(from) {
      const missing = [...servers.values()].filter(({ name }) => known(name) === undefined)
      const why = new Map<string, string>()
      await Promise.all(
        missing.map(async (server) => {
          const { name } = server
          why.set(name, `it has not answered within ${prepareMs / 1000} s`)
          const asked = ask(server, from).then(
            () => void why.delete(name),
            (thrown: unknown) => {
              const error = asGatewayError(thrown)
              why.set(name, wordsFor(error))
              const said = error.message.replace(/\.+$/, '')
              room.warn(name, `${name} is left out for now: ${said}.`)
            },
          )
          let forget = (): void => undefined
          const late = new Promise<void>((resolve) => {
            const limit = clock.after(prepareMs, resolve)
            forget = () => limit.cancel()
          })
          await Promise.race([asked, late])
          forget()
        }),
      )
      return new Map(why)
    },

    learn,

    changed(server, kind, from) {
      const key = `${server.name}\n${kind}`
      if (relisting.has(key)) return
      relisting.add(key)
      const look = guarded(() => {
        relisting.delete(key)
        return relist(server, kind, from)
      }, onFault)
      // The first time at once; what comes within a second is one change.
      clock.after(own.get(server.name)?.has(kind) === true ? relistMs : 0, look)
    },

    listed(kind) {
      wanted.add(kind)
    },

    end() {
      room.ownLists.letGo(session)
      room.listeners.delete(listener)
    },
  }
}

/** For a client: what is the operator's business is told by its code alone. */
const wordsFor = (error: GatewayError): string =>
  error.statusCode < 500 ? error.message : `it could not be started (${error.code})`
