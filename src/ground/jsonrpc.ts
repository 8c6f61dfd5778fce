/**
 * What a JSON-RPC message is, for those who route it without understanding it (JSON-RPC 2.0,
 * sections 4 and 5). Ids are per direction: a client's 0 and a server's 0 are two ids.
 */
export type RpcId = string | number

export interface RpcMessage {
  jsonrpc?: string
  id?: RpcId | null
  method?: string
  params?: Record<string, unknown>
  result?: unknown
  error?: { code: number; message: string; data?: unknown }
}

export type RpcKind = 'request' | 'notification' | 'response' | 'invalid'

/** Ids are remembered for as long as their request is open, so they are no place for data. */
export const longestRpcId = 256

/** Whatever else JSON can hold (an object, a list, `1e400`, a whole book) identifies nothing. */
export function isRpcId(value: unknown): value is RpcId {
  if (typeof value === 'string') return value.length <= longestRpcId
  return typeof value === 'number' && Number.isFinite(value)
}

/**
 * Tells what a parsed value is. A request has an id, a notification none, a response no method. A
 * response without an id, or with null, answers a message that could not be read.
 */
export function kindOf(message: unknown): RpcKind {
  if (typeof message !== 'object' || message === null || Array.isArray(message)) return 'invalid'
  const { id, method, result, error } = message as Record<string, unknown>
  if (typeof method === 'string') {
    return id === undefined ? 'notification' : isRpcId(id) ? 'request' : 'invalid'
  }
  if (method !== undefined) return 'invalid'
  if (id !== undefined && id !== null && !isRpcId(id)) return 'invalid'
  return result !== undefined || isFailure({ error }) ? 'response' : 'invalid'
}

/** Whether a response says that it failed. Some servers write `"error": null` beside a result. */
export function isFailure({ error }: { error?: unknown }): boolean {
  return error !== undefined && error !== null
}

/** A map key that keeps the number 1 and the string "1" apart. */
export function idKey(id: RpcId): string {
  return typeof id === 'number' ? `n${id}` : `s${id}`
}
