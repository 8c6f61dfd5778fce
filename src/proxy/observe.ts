import type { Clock } from '../ground/clock.ts'
import type { Events } from '../ground/events.ts'
import type { RpcId } from '../ground/jsonrpc.ts'
import { idKey } from '../ground/jsonrpc.ts'
import type { Peek } from '../protocols/protocol.ts'
import type { Session } from '../sessions/session.ts'

/** Turns passing messages into news and counts. It alters none. */
export interface Observer {
  fromWorker(message: Peek): void
  /** @returns the method of the worker's request that this message answers, if it does */
  fromClient(message: Peek): string | undefined
}

/** A server may report progress a thousand times a second; the log need not. */
const progressEveryMs = 1000

/** A worker may ask what nobody ever answers. */
const maxAsked = 1000

export function createObserver(session: Session, clock: Clock, events: Events): Observer {
  /** Requests of the worker that no client has answered yet; of too many, the newest. */
  const asked = new Map<string, string>()
  const news = { session: session.handle, server: session.server.name }
  const { counts } = session
  let progressAtMs = 0

  const ask = (id: RpcId, { method, mode }: Peek): void => {
    asked.set(idKey(id), method ?? '')
    const [oldest] = asked.keys()
    if (asked.size > maxAsked && oldest !== undefined) asked.delete(oldest)
    if (method === 'elicitation/create') {
      counts.elicitations += 1
      events.emit('elicitation.requested', { ...news, mode: mode ?? 'form' })
    } else if (method === 'sampling/createMessage') {
      counts.samplings += 1
      events.emit('sampling.requested', news)
    } else if (method === 'roots/list') {
      events.emit('roots.requested', news)
    }
  }

  return {
    fromWorker(message) {
      if (message.kind === 'request' && message.id !== undefined) ask(message.id, message)
      else if (message.cancels !== undefined) asked.delete(idKey(message.cancels))
      else if (message.progress !== undefined) {
        counts.progress += 1
        const nowMs = clock.now()
        if (nowMs - progressAtMs < progressEveryMs) return
        progressAtMs = nowMs
        events.emit('progress.reported', { ...news, ...message.progress() })
      }
    },

    fromClient(message) {
      if (message.kind !== 'response' || message.id === undefined) return undefined
      const method = asked.get(idKey(message.id))
      asked.delete(idKey(message.id))
      const outcome = message.outcome ?? 'answered'
      if (method === 'elicitation/create') events.emit('elicitation.answered', { ...news, outcome })
      else if (method === 'sampling/createMessage') {
        events.emit('sampling.answered', { ...news, outcome })
      } else if (method === 'roots/list') events.emit('roots.answered', { ...news, outcome })
      return method
    },
  }
}
