import type { Peek } from '../protocols/protocol.ts'
import type { Message } from './message.ts'
import { readMessage, relatedTask, withValues } from './message.ts'
import { tagged } from './names.ts'

/** Of what a session has to do with its members, as much as their messages depend on. */
export interface Pending {
  /** Whether this server has been asked that, and has not answered yet. */
  isAwaited(server: string, id: string | number): boolean
  /** Whether a request with this token is in progress at this server. */
  hasToken(server: string, token: unknown): boolean
  /** What clients see for a URI of this server. */
  shownUri(server: string, uri: string): string
}

/** What becomes of a message of a member, or why nothing does. */
export type Passed = { text: string } | { dropped: string }

const relatedPath = `params/_meta/${relatedTask}/taskId`
const relatedResultPath = `result/_meta/${relatedTask}/taskId`

/**
 * A message of a member as the client gets it: its ids, tokens and tasks say whose they are, all else
 * stays letter for letter.
 *
 * @param peek what it is
 */
export function fromMember(server: string, data: string, peek: Peek, pending: Pending): Passed {
  if (peek.kind === 'response') {
    if (peek.id === undefined) return { text: data }
    if (!pending.isAwaited(server, peek.id)) return { dropped: 'an answer that was not asked for' }
    if (!data.includes('taskId')) return { text: data }
    return rewritten(data, (message) => ({
      ...task(server, 'result/taskId', message.result.taskId),
      ...task(server, 'result/task/taskId', fieldOf(message.result.task, 'taskId')),
      ...related(server, message.result._meta, relatedResultPath),
    }))
  }
  if (peek.kind === 'request' && peek.id !== undefined) {
    const { id } = peek
    return rewritten(data, (message) => ({
      id: JSON.stringify(tagged(server, id)),
      ...token(server, message),
      ...related(server, message.params._meta, relatedPath),
    }))
  }
  if (peek.kind !== 'notification') return { dropped: 'what is no message' }
  switch (peek.method ?? '') {
    case 'notifications/progress':
      return rewritten(data, ({ params }) =>
        pending.hasToken(server, params.progressToken)
          ? related(server, params._meta, relatedPath)
          : 'progress of a request that is not in progress there',
      )
    case 'notifications/cancelled':
      return rewritten(data, ({ params: { requestId } }) =>
        isId(requestId)
          ? { 'params/requestId': JSON.stringify(tagged(server, requestId)) }
          : 'a cancellation of nothing',
      )
    case 'notifications/resources/updated':
      return rewritten(data, ({ params: { uri } }) => {
        if (typeof uri !== 'string') return 'news of a resource without a URI'
        const shown = pending.shownUri(server, uri)
        return shown === uri ? {} : { 'params/uri': JSON.stringify(shown) }
      })
    case 'notifications/tasks/status':
      return rewritten(data, (message) => task(server, 'params/taskId', message.params.taskId))
    default:
      return data.includes(relatedTask)
        ? rewritten(data, ({ params }) => related(server, params._meta, relatedPath))
        : { text: data }
  }
}

/** @param change the values to be put into it, or why it is dropped */
function rewritten(
  data: string,
  change: (message: Message) => Readonly<Record<string, string>> | string,
): Passed {
  const message = readMessage(Buffer.from(data))
  if (message === undefined) return { dropped: 'a message that cannot be looked into' }
  const values = change(message)
  if (typeof values === 'string') return { dropped: values }
  return { text: withValues(message, values).toString() }
}

const isId = (value: unknown): value is string | number =>
  typeof value === 'string' || typeof value === 'number'

const fieldOf = (value: unknown, name: string): unknown =>
  (Object(value) as Record<string, unknown>)[name]

function task(server: string, path: string, id: unknown): Readonly<Record<string, string>> {
  return typeof id === 'string' ? { [path]: JSON.stringify(tagged(server, id)) } : {}
}

function related(server: string, meta: unknown, path: string): Readonly<Record<string, string>> {
  const id = fieldOf(fieldOf(meta, relatedTask), 'taskId')
  return typeof id === 'string' ? { [path]: JSON.stringify(tagged(server, id)) } : {}
}

/** A client reports on what a server has asked it by the server's own token. */
function token(server: string, { params }: Message): Readonly<Record<string, string>> {
  const own = fieldOf(params._meta, 'progressToken')
  return isId(own) ? { 'params/_meta/progressToken': JSON.stringify(tagged(server, own)) } : {}
}
