import type { RpcId, RpcKind } from '../ground/jsonrpc.ts'
import { parseJson } from '../ground/json.ts'
import { isFailure, isRpcId, kindOf } from '../ground/jsonrpc.ts'
import { brief } from '../ground/text.ts'
import type { Peek, Progress } from './protocol.ts'

/** At most so much of a message is looked at; longer ones are only skimmed. */
export const lookedAtBytes = 64 * 1024

/** Names that others choose are kept, told and listed, so they are cut to what a name may be. */
const nameLength = 100

/** A message of which no more is known; the same shape for all keeps reading them fast. */
export function peekOf(kind: RpcKind, method: string | undefined, id: RpcId | undefined): Peek {
  return {
    kind,
    method,
    id,
    cancels: undefined,
    outcome: undefined,
    protocolVersion: undefined,
    client: undefined,
    progress: undefined,
    mode: undefined,
  }
}

export const nothing: Peek = peekOf('invalid', undefined, undefined)

/** What a parsed message is. */
export function summarize(message: unknown): Peek {
  const kind = kindOf(message)
  if (kind === 'invalid') return nothing
  const { method, id, params, result, error } = message as {
    method?: string
    id?: RpcId | null
    params?: Fields
    result?: Fields
    error?: unknown
  }
  const peek = peekOf(kind, text(method), id ?? undefined)
  if (kind === 'response') {
    const action = result?.action
    peek.outcome = isFailure({ error }) ? 'error' : (text(action) ?? 'answered')
    peek.protocolVersion = text(result?.protocolVersion)
  } else if (method === 'notifications/cancelled') {
    peek.cancels = rpcId(params?.requestId)
  } else if (method === 'notifications/progress') {
    peek.progress = () => progressOf(params ?? {})
  } else if (method === 'elicitation/create') {
    peek.mode = text(params?.mode) ?? 'form'
  } else if (method === 'initialize') {
    peek.protocolVersion = text(params?.protocolVersion)
    peek.client = clientOf(params?.clientInfo)
  }
  return peek
}

const idPattern = String.raw`"id"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+)\s*`
const versionPattern = String.raw`(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?`
/** Version and id in either order, or none of them; then the rest. */
const beginning = new RegExp(
  String.raw`^\s*\{\s*${versionPattern}(?:${idPattern},\s*)?${versionPattern}(.*)$`,
  's',
)
const ending = new RegExp(String.raw`${idPattern}(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$`)

/** An error that is not null, behind a result that is, if there is one. */
const failure = /^(?:"result"\s*:\s*null\s*,\s*)?"error"\s*:\s*(?!null\b)/

/**
 * What a long message is, from its ends: objects are written with `method` first, or with `result`
 * first and `id` behind it. What cannot be told is left undefined.
 */
export function skim(head: string, tail: string): Peek {
  const [, idFirst, rest] = beginning.exec(head) ?? []
  if (rest === undefined) return nothing
  const json = idFirst ?? ending.exec(tail)?.[1]
  const id = rpcId(parsed(json))
  if (json !== undefined && id === undefined) return nothing
  const method = text(parsed(/^"method"\s*:\s*("(?:[^"\\]|\\.)*")/.exec(rest)?.[1]))
  if (method !== undefined) {
    // Behind the method an `id` may stand before long params as well.
    const idNext = /^"method"\s*:\s*"[^"]*"\s*,\s*"id"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+)/.exec(rest)
    const ownId = id ?? rpcId(parsed(idNext?.[1]))
    return peekOf(ownId === undefined ? 'notification' : 'request', method, ownId)
  }
  if (!/^"(result|error)"/.test(rest)) return nothing
  const peek = peekOf('response', undefined, id)
  peek.outcome = failure.test(rest) ? 'error' : 'answered'
  return peek
}

type Fields = Record<string, unknown>

/** The progress that a message reports, which is known to be the notification of one. */
export function readProgress(message: string): Progress {
  const read = parsed(message) as { params?: Fields } | undefined
  return progressOf(read?.params ?? {})
}

/** A line for people. */
const progressLength = 1000

function progressOf({ progress, total, message }: Fields): Progress {
  return {
    progress: typeof progress === 'number' ? progress : 0,
    ...(typeof total === 'number' ? { total } : {}),
    ...(typeof message === 'string' ? { message: brief(message, progressLength) } : {}),
  }
}

function clientOf(info: unknown): string | undefined {
  if (typeof info !== 'object' || info === null) return undefined
  const { name, version } = info as Fields
  const words = [name, version].filter(
    (word) => typeof word === 'string' || typeof word === 'number',
  )
  return brief(words.join(' '), nameLength)
}

/** Undefined for what only looks like JSON: `007`, a text with a wrong escape. */
function parsed(json: string | undefined): unknown {
  const read = json === undefined ? undefined : parseJson(json)
  return read?.ok === true ? read.value : undefined
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? brief(value, nameLength) : undefined
}

function rpcId(value: unknown): RpcId | undefined {
  return isRpcId(value) ? value : undefined
}
