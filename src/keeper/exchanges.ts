import type { Clock, Timer } from '../ground/clock.ts'
import { FewMap } from '../ground/few.ts'
import { idKey, isRpcId } from '../ground/jsonrpc.ts'
import type { RpcId, RpcMessage } from '../ground/jsonrpc.ts'

import { createdTask, isRecord, taskIdOf, wantedToken } from './messages.ts'
import { maxOpen } from './replies.ts'
import type { PostAnswer } from './post-answer.ts'

/** One request of the client that the server has not answered yet. */
export interface Exchange {
  readonly id: RpcId
  readonly method: string
  readonly answer: PostAnswer
  /** The task whose result it waits for. */
  readonly taskId: string | undefined
  readonly createsTask: boolean
  readonly token: RpcId | undefined
  lapse: Timer | undefined
}

/** The open exchanges of a session. Ids are the client's; those of the server are no concern. */
export interface Exchanges {
  has(id: RpcId): boolean
  /** Whether so many more can be open: what is never answered is never forgotten. */
  hasRoom(more: number): boolean
  add(id: RpcId, request: RpcMessage, answer: PostAnswer): void
  /** Closes the exchange that this response of the server belongs to. */
  close(id: RpcId, response?: RpcMessage): Exchange | undefined
  closeAll(): Exchange[]
  /** Closes a cancelled exchange after a while, because its server need not answer it any more. */
  cancel(id: RpcId, onLapsed: (exchange: Exchange) => void): void
  /** Whether this is the late response to a cancelled exchange; true once. */
  forgive(id: RpcId): boolean
  byToken(token: unknown): PostAnswer | undefined
  /** Where the messages of a task go: to the exchange that last concerned it. */
  byTask(taskId: string | undefined): PostAnswer | undefined
  /** The answers of the exchanges that are neither cancelled nor out of reach, oldest first. */
  openAnswers(): PostAnswer[]
}

const lapseMs = 5000
const rememberedIds = 1000

export function createExchanges(clock: Clock): Exchanges {
  const open = new FewMap<string, Exchange>()
  const byToken = new FewMap<string, Exchange>()
  const lapsed = new Set<string>()
  const knownTasks = new Set<string>()

  function forget(exchange: Exchange): void {
    exchange.lapse?.cancel()
    open.delete(idKey(exchange.id))
    if (exchange.token === undefined) return
    const key = idKey(exchange.token)
    if (byToken.get(key) === exchange) byToken.delete(key)
  }

  return {
    has: (id) => open.has(idKey(id)),
    hasRoom: (more) => open.size + more <= maxOpen,
    add(id, request, answer) {
      const { method = '', params } = request
      const exchange: Exchange = {
        id,
        // It is compared with names that are shorter.
        method: method.length > 100 ? '' : method,
        answer,
        taskId: method === 'tasks/result' ? taskIdOf(params ?? {}) : undefined,
        createsTask: isRecord(params?.['task']),
        token: wantedToken(request),
        lapse: undefined,
      }
      lapsed.delete(idKey(id))
      open.set(idKey(id), exchange)
      if (exchange.token !== undefined) byToken.set(idKey(exchange.token), exchange)
    },
    close(id, response) {
      const exchange = open.get(idKey(id))
      if (exchange === undefined) return undefined
      forget(exchange)
      const task = exchange.createsTask && response ? createdTask(response) : undefined
      if (task !== undefined) remember(knownTasks, task)
      return exchange
    },
    closeAll() {
      const all = open.values()
      for (const exchange of all) forget(exchange)
      return all
    },
    cancel(id, onLapsed) {
      const exchange = open.get(idKey(id))
      if (exchange === undefined || exchange.lapse !== undefined) return
      exchange.lapse = clock.after(lapseMs, () => {
        forget(exchange)
        remember(lapsed, idKey(id))
        onLapsed(exchange)
      })
    },
    forgive: (id) => lapsed.delete(idKey(id)),
    byToken: (token) => (isRpcId(token) ? byToken.get(idKey(token))?.answer : undefined),
    byTask(taskId) {
      if (taskId === undefined) return undefined
      const exchanges = open.values()
      const waiting = exchanges.findLast((exchange) => exchange.taskId === taskId)
      if (waiting !== undefined || knownTasks.has(taskId)) return waiting?.answer
      // Until its creation is answered nobody can tell which of several new tasks this one is.
      const creating = exchanges.filter((exchange) => exchange.createsTask)
      return creating.length === 1 ? creating[0]?.answer : undefined
    },
    openAnswers() {
      const answers = new Set<PostAnswer>()
      for (const { answer, lapse } of open.values()) {
        if (lapse === undefined && answer.isReachable()) answers.add(answer)
      }
      return [...answers]
    },
  }
}

function remember(ids: Set<string>, id: string): void {
  ids.add(id)
  if (ids.size <= rememberedIds) return
  for (const oldest of ids) {
    ids.delete(oldest)
    return
  }
}
