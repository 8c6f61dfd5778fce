import { readJson } from '../ground/json.ts'
import { isRpcId, kindOf } from '../ground/jsonrpc.ts'
import type { RpcId, RpcKind, RpcMessage } from '../ground/jsonrpc.ts'

import { elementsOf, oneLine } from './json-text.ts'

/** One JSON-RPC message with the text it came as, on one line. */
export interface Message {
  readonly json: string
  readonly kind: RpcKind
  readonly rpc: RpcMessage
}

export interface Parcel {
  readonly isBatch: boolean
  readonly messages: Message[]
}

const batchStart = /^\s*\[/

/** All of a message that is looked at here. */
const outlined = {
  wanted: new Set([
    ...['jsonrpc', 'id', 'method', 'params', 'result', 'error'],
    ...['_meta', 'progressToken', 'io.modelcontextprotocol/related-task', 'task', 'taskId'],
    ...['requestId', 'protocolVersion'],
  ]),
  // Nobody waits for it but its own session, and what is not understood reaches no client.
  maxSteps: 2_000_000_000,
  maxElements: 100_000,
}

/** @returns undefined when the text is not JSON; whose fault that is only the caller knows */
export function readMessages(text: string): Parcel | undefined {
  const read = readJson(text, outlined)
  if (!read.ok) return undefined
  const { value } = read
  const json = oneLine(text)
  if (!Array.isArray(value) || !batchStart.test(json)) {
    return { isBatch: false, messages: [messageOf(json, value)] }
  }
  const values: unknown[] = value
  const texts = elementsOf(json)
  return { isBatch: true, messages: texts.map((element, n) => messageOf(element, values[n])) }
}

/** SDKs drop what does not say "2.0", so a request without it would never be answered. */
function messageOf(json: string, value: unknown): Message {
  const kind = isRecord(value) && value['jsonrpc'] === '2.0' ? kindOf(value) : 'invalid'
  return { json, kind, rpc: kind === 'invalid' ? {} : (value as RpcMessage) }
}

/** The token under which the sender of a request wants to hear of its progress. */
export function wantedToken({ params }: RpcMessage): RpcId | undefined {
  const meta = params?.['_meta']
  const token = isRecord(meta) ? meta['progressToken'] : undefined
  return isRpcId(token) ? token : undefined
}

/** The task (MCP 2025-11-25) that a message of the server belongs to. */
export function relatedTask({ params }: RpcMessage): string | undefined {
  const meta = params?.['_meta']
  const task = isRecord(meta) ? meta['io.modelcontextprotocol/related-task'] : undefined
  return isRecord(task) ? taskIdOf(task) : undefined
}

/** The task that a request asked the server to create, from its result. */
export function createdTask({ result }: RpcMessage): string | undefined {
  const task = isRecord(result) ? result['task'] : undefined
  return isRecord(task) ? taskIdOf(task) : undefined
}

/** They are remembered, so they are as long as ids may be. */
export function taskIdOf({ taskId }: Record<string, unknown>): string | undefined {
  return isRpcId(taskId) ? textOf(taskId) : undefined
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
