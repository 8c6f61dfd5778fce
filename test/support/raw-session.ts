import { handleOf } from '../../src/ground/handle.ts'
import { messageOf } from './raw-mcp.ts'
import type { RawResponse, RpcRequest } from './raw-http.ts'
import { getStream, postRpc, rawRequest } from './raw-http.ts'

/** A session without a client library: every byte of what the gateway says can be looked at. */
export interface RawSession {
  id: string
  handle: string
  url: string
  /** What `initialize` was answered with. */
  opened: RawResponse
  post(message: unknown, options?: RpcRequest): Promise<RawResponse>
  /** Calls a tool; ids are counted from 1. */
  call(tool: string, args?: object, options?: RpcRequest): Promise<RawResponse>
  /** Calls a tool and gives the result, which came as JSON. */
  ask<T = Record<string, unknown>>(tool: string, args?: object): Promise<T>
  stream(options?: RpcRequest & { lastEventId?: string }): Promise<RawResponse>
  remove(): Promise<RawResponse>
}

export function initializeMessage(protocolVersion = '2025-11-25', id: string | number = 'init') {
  return {
    jsonrpc: '2.0',
    id,
    method: 'initialize',
    params: { protocolVersion, capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
  }
}

export async function openRaw(url: string, protocolVersion?: string): Promise<RawSession> {
  const opened = await postRpc(url, initializeMessage(protocolVersion))
  const { 'mcp-session-id': id } = opened.headers
  if (typeof id !== 'string') throw new Error(`no session: ${opened.status} ${await opened.text()}`)
  let calls = 0
  const session: RawSession = {
    id,
    handle: handleOf(id),
    url,
    opened,
    post: (message, options) => postRpc(url, message, { sessionId: id, ...options }),
    call(name, args = {}, options = {}) {
      calls += 1
      const params = { name, arguments: args }
      return session.post({ jsonrpc: '2.0', id: calls, method: 'tools/call', params }, options)
    },
    async ask<T>(tool: string, args?: object) {
      // On a busy machine it comes as a stream.
      const { result } = await messageOf(await session.call(tool, args))
      return result as T
    },
    stream: (options) => getStream(url, { sessionId: id, ...options }),
    remove: () => rawRequest(url, { method: 'DELETE', headers: { 'mcp-session-id': id } }),
  }
  return session
}
