import type { Clock } from '../ground/clock.ts'
import { guarded, inBackground, tellFault } from '../ground/guarded.ts'
import type { Peek } from '../protocols/protocol.ts'
import type { From, InnerDoor, InnerSink, Receiver, Upstream } from '../proxy/inner.ts'
import type { Server } from '../sessions/server.ts'
import type { Session } from '../sessions/session.ts'
import { ownerOf } from '../sessions/session.ts'
import { createStandalone } from './standalone.ts'

/** The client's stream that belongs to no request, and those of its members that end in it. */
export interface Listening {
  /** To the client, as soon as it listens. */
  say(message: string): void
  /** @param lastEventId of the stream that this one goes on from */
  listen(lastEventId: string | undefined, receiver: Receiver, from: From): Promise<void>
  /** Whether an event was on a stream that belongs to no request. */
  isOwn(eventId: string): boolean
  /** A member has been opened: listens to it, where the client listens. */
  follow(server: Server, member: Session): Promise<void>
  end(): void
}

export interface ListeningOptions {
  clock: Clock
  session: Session
  door: InnerDoor
  open(): { server: Server; session: Session }[]
  /** @returns what the client is to be told of it */
  hear(server: Server, data: string, peek: Peek, from: From): string | undefined
}

/** A member may be slow to listen, or never do; the client's stream does not wait for it. */
const waitMs = 1000

export function createListening(options: ListeningOptions): Listening {
  const { clock, door } = options
  const onFault = tellFault('listening to the members of a bundle', ownerOf(options.session))
  const standalone = createStandalone()
  const streams = new Map<Session, Upstream>()
  let listener: { receiver: Receiver; from: From } | undefined
  let isPaused = false

  function stopFollowing(): void {
    listener = undefined
    const open = [...streams.values()]
    streams.clear()
    for (const stream of open) stream.abort(new Error('The client listens no more.'))
  }

  function follow(server: Server, member: Session): Promise<void> {
    const { from } = listener ?? {}
    if (from === undefined || streams.has(member)) return Promise.resolve()
    return new Promise((resolve) => {
      const limit = clock.after(waitMs, resolve)
      const answered = (): void => {
        limit.cancel()
        resolve()
      }
      const over = (): void => {
        answered()
        streams.delete(member)
      }
      const sink: InnerSink = {
        open: answered,
        event(data, peek) {
          const text = peek && options.hear(server, data, peek, from)
          if (text !== undefined) standalone.push(text)
        },
        // A server that has no such stream says so, and that is all.
        answer: () => undefined,
        end: over,
        fail: over,
      }
      const request = { method: 'GET', body: null, messages: [], from, onAnswer: answered } as const
      const stream = door.send(member, request, sink)
      streams.set(member, stream)
      if (isPaused) stream.pause()
    })
  }

  return {
    say: (message) => standalone.push(message),
    isOwn: standalone.isOwn,
    follow,

    async listen(lastEventId, receiver, from) {
      stopFollowing()
      const mine = { receiver, from }
      listener = mine
      isPaused = false
      const all = (what: 'pause' | 'resume'): void => {
        for (const stream of streams.values()) stream[what]()
      }
      receiver.sent({
        pause: guarded(() => {
          isPaused = true
          all('pause')
        }, onFault),
        resume: guarded(() => {
          isPaused = false
          all('resume')
        }, onFault),
        abort: guarded(() => {
          standalone.detach(receiver)
          if (listener === mine) stopFollowing()
        }, onFault),
      })
      const following = options.open().map(({ server, session }) => follow(server, session))
      // Requests that the client sends now are held until then: their answers may go here.
      await Promise.all(following)
      if (listener === mine) standalone.attach(receiver, lastEventId)
      else receiver.end()
    },

    end() {
      inBackground(Promise.resolve().then(stopFollowing), onFault)
    },
  }
}
