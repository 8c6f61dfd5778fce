import type { NameKind } from '../auth/access.ts'
import { fieldsOf } from '../ground/objects.ts'
import type { UseAt } from '../protocols/names.ts'
import { useOf } from '../protocols/names.ts'
import type { Message } from './message.ts'
import { relatedTask } from './message.ts'
import type { NameTable } from './names.ts'
import { untagged } from './names.ts'
import type { View } from './view.ts'

/** Which member a request is for, and what is to be written in it instead, as JSON by path. */
export interface Route {
  server: string
  values: Readonly<Record<string, string>>
  /** What it is about, as the member calls it; undefined where it has no name. */
  about?: About
}

export interface About {
  kind: NameKind
  name: string
  /** What is answered where there is no such thing, for this caller. */
  missing: Missing
}

/** A JSON-RPC error, as a server answers for what it does not have. */
export interface Missing {
  code: number
  message: string
  data?: unknown
}

export const invalidParams = -32602
const resourceNotFound = -32002

/** @returns undefined for a method that no member is asked by itself */
export function routeOf(message: Message, view: View): Route | Missing | undefined {
  const use = useOf(message)
  if (use !== undefined)
    return use.kind === 'resources'
      ? placed(view, use, message)
      : named(view[use.kind], use, message)
  switch (message.method) {
    case 'tasks/get':
    case 'tasks/result':
    case 'tasks/cancel': {
      const own = untagged(message.params.taskId)
      if (own === undefined || typeof own.value !== 'string') {
        return { code: invalidParams, message: 'Task not found' }
      }
      return { server: own.server, values: { 'params/taskId': JSON.stringify(own.value) } }
    }
    default:
      return undefined
  }
}

function named(
  table: NameTable,
  { kind, path, name: shown }: UseAt,
  message: Message,
): Route | Missing {
  const found = typeof shown === 'string' ? table.of(shown) : undefined
  const what = typeof shown === 'string' ? `: ${shown.slice(0, 100)}` : ''
  const is = kind === 'tools' ? 'tool' : 'prompt'
  const missing = { code: invalidParams, message: `Unknown ${is}${what}` }
  if (found === undefined) return missing
  const { server, name } = found
  const values = { [path]: JSON.stringify(name), ...relatedValues(message) }
  return { server, values, about: { kind, name, missing } }
}

function placed(view: View, { kind, path, name: uri }: UseAt, message: Message): Route | Missing {
  const place = typeof uri === 'string' ? view.uris.placeOf(uri) : undefined
  const missing = { code: resourceNotFound, message: 'Resource not found', data: { uri } }
  if (place === undefined) return missing
  const { server, uri: own } = place
  return {
    server,
    values: { ...(own === uri ? {} : { [path]: JSON.stringify(own) }), ...relatedValues(message) },
    about: { kind, name: own, missing },
  }
}

/** A task that a message belongs to, as its server calls it. */
export function relatedValues({ params, result }: Message): Readonly<Record<string, string>> {
  for (const [side, from] of [
    ['params', params],
    ['result', result],
  ] as const) {
    const meta = fieldsOf(fieldsOf(from._meta)[relatedTask])
    const own = untagged(meta.taskId)
    if (own !== undefined) {
      return { [`${side}/_meta/${relatedTask}/taskId`]: JSON.stringify(own.value) }
    }
  }
  return {}
}
