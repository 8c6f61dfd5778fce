import { isUtf8 } from 'node:buffer'

import { outlineJson, parseJson } from '../ground/json.ts'
import { fieldsOf, isObject } from '../ground/objects.ts'
import { listKinds, listsOf } from './lists.ts'

/** What a message of a client asks for by name. */
export interface NamedUse {
  kind: 'tools' | 'prompts' | 'resources'
  /** Undefined where there should be one and is no text. */
  name: string | undefined
}

/** What names the messages of a POST use; undefined where parsers would not agree on what it says. */
export function namesIn(body: Buffer): NamedUse[] | undefined {
  // What is no UTF-8 is replaced by some, and taken for letters by others.
  if (!isUtf8(body)) return undefined
  const read = outlineJson(body, { wanted, isStrict: true })
  if (!read.ok) return undefined
  const messages: unknown[] = Array.isArray(read.value) ? read.value : [read.value]
  return messages.flatMap((message) => {
    const use = useOf(fieldsOf(message))
    return use === undefined ? [] : [{ kind: use.kind, name: text(use.name) }]
  })
}

const wanted = new Set(['method', 'params', 'name', 'uri', 'ref', 'type'])

/** What a message asks for, and where in it that is named: by `path`, whatever stands there. */
export interface UseAt {
  kind: NamedUse['kind']
  path: 'params/name' | 'params/uri' | 'params/ref/name' | 'params/ref/uri'
  name: unknown
}

interface Called {
  method?: unknown
  params?: unknown
}

/** Notifications too: a server may do what one says. */
export function useOf({ method, params }: Called): UseAt | undefined {
  const { name, uri, ref } = fieldsOf(params)
  switch (method) {
    case 'tools/call':
      return { kind: 'tools', path: 'params/name', name }
    case 'prompts/get':
      return { kind: 'prompts', path: 'params/name', name }
    case 'resources/read':
    case 'resources/subscribe':
    case 'resources/unsubscribe':
      return { kind: 'resources', path: 'params/uri', name: uri }
    case 'completion/complete': {
      const about = fieldsOf(ref)
      return about.type === 'ref/prompt'
        ? { kind: 'prompts', path: 'params/ref/name', name: about.name }
        : { kind: 'resources', path: 'params/ref/uri', name: about.uri }
    }
    default:
      return undefined
  }
}

/** So long a list is parsed; about 40 ms. */
export const listLength = 4 * 1024 * 1024

/** To look at a URI in each of its spellings takes some 30 µs. */
const mostListed = 10_000

/**
 * A message of a worker without what is not allowed; the same text where nothing is left out, and
 * where it holds no list. An element without a name is left out: nobody could tell whose it is.
 *
 * @returns undefined for one that cannot be looked into, because it is too long, too deep or no JSON:
 *   there are clients that take NaN for a number
 */
export function withoutNames(
  message: string,
  isAllowed: (kind: NamedUse['kind'], name: string) => boolean,
): string | undefined {
  if (!mayHoldList.test(message)) return message
  // A client that decodes bytes skips a mark of their order.
  const parsed = parseJson(message.replace(/^\uFEFF/, ''), listLength)
  if (!parsed.ok) return undefined
  const { value } = parsed
  let isWhole = true
  for (const one of Array.isArray(value) ? (value as unknown[]) : [value]) {
    const { result } = fieldsOf(one)
    if (!isObject(result)) continue
    for (const { member, capability, key } of Object.values(listsOf)) {
      const listed = Object.hasOwn(result, member) ? result[member] : undefined
      if (!Array.isArray(listed)) continue
      if (listed.length > mostListed) return undefined
      const kept = listed.filter((element) => {
        const name = text(fieldsOf(element)[key])
        return name !== undefined && isAllowed(capability, name)
      })
      if (kept.length === listed.length) continue
      result[member] = kept
      isWhole = false
    }
  }
  if (isWhole) return message
  try {
    return JSON.stringify(value)
  } catch {
    // What is nested too deeply for that cannot be written anew.
    return undefined
  }
}

/** Any escape may be a letter of these. */
const members = listKinds.map((kind) => listsOf[kind].member)
const mayHoldList = new RegExp(`"(?:${members.join('|')})"|\\\\u`)

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
