import type { RpcMessage } from '../../src/ground/jsonrpc.ts'
import type { RawResponse } from './raw-http.ts'
import { postRpc } from './raw-http.ts'

/** An MCP endpoint: a gateway's, or a worker's own. */
export interface Target {
  url: string | URL
  headers?: Record<string, string>
  socketPath?: string
}

/** Ids of calls: several may be open in one session. */
let calls = 0

/** POSTs one message. */
export function post(
  { url, headers = {}, socketPath }: Target,
  message: object,
  sessionId?: string,
): Promise<RawResponse> {
  const at = socketPath === undefined ? {} : { socketPath }
  return postRpc(url, message, { sessionId, headers, ...at })
}

/** Opens a session, as little as it takes, and gives its id. */
export async function openSession(target: Target): Promise<string> {
  const answer = await post(target, {
    jsonrpc: '2.0',
    id: 'open',
    method: 'initialize',
    params: {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 't', version: '1' },
    },
  })
  const message = await messageOf(answer)
  if (message.result === undefined) throw new Error(`refused: ${JSON.stringify(message)}`)
  return String(answer.headers['mcp-session-id'])
}

/** Calls a tool of a fixture made with `tiny-server.ts`, and gives its value. */
export async function callTool<T = unknown>(
  target: Target,
  sessionId: string,
  name: string,
  args: Record<string, unknown> = {},
): Promise<T> {
  const id = (calls += 1)
  const message = { jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } }
  const { id: answered, result, error } = await messageOf(await post(target, message, sessionId))
  if (result === undefined) throw new Error(`no result: ${JSON.stringify(error)}`)
  if (answered !== id) throw new Error(`an answer to ${String(answered)} instead of ${id}`)
  return JSON.parse((result as { content: [{ text: string }] }).content[0].text) as T
}

/** The response in an answer, whether it came as JSON or as the last event of a stream. */
export async function messageOf(answer: RawResponse): Promise<RpcMessage> {
  // What the gateway itself has to say has a charset.
  if (answer.headers['content-type']?.startsWith('application/json') === true) return answer.json()
  const events = await answer.rest()
  const last = events.findLast(({ data }) => data !== '')
  if (last === undefined) throw new Error('the stream ended without a message')
  return JSON.parse(last.data) as RpcMessage
}
