import type { Clock } from '../../src/ground/clock.ts'
import type { RpcMessage } from '../../src/ground/jsonrpc.ts'
import type { TestConfig, TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import type { TestGateway } from '../support/gateway.ts'
import { startTestGateway } from '../support/gateway.ts'
import type { RawResponse } from '../support/raw-http.ts'
import { rawRequest } from '../support/raw-http.ts'
import type { Owner } from '../support/temp.ts'

export const runtimeSession = 'x-amzn-bedrock-agentcore-runtime-session-id'
export const customPrefix = 'X-Amzn-Bedrock-AgentCore-Runtime-Custom-'

export const runtimeServer: TestServer = {
  command: ['node', compiled('test/fixtures/workers/runtime.js')],
  http: true,
}

/** A gateway with one server, `echo-1`, that is spoken to as a runtime. */
export function startRuntime(
  t: Owner,
  overrides: TestConfig = {},
  server: TestServer = {},
  options: { clock?: Clock } = {},
): Promise<TestGateway> {
  return startTestGateway(t, { 'echo-1': { ...runtimeServer, ...server } }, overrides, options)
}

/** Stops a session as the AWS SDKs do, but without a signature. */
export function stopSession(
  gateway: TestGateway,
  id: string | undefined,
  headers: Record<string, string> = {},
): Promise<RawResponse> {
  const path = `/runtimes/${encodeURIComponent(gateway.runtime('echo-1').arn)}/stopruntimesession`
  return rawRequest(`${gateway.url}${path}?qualifier=DEFAULT`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', [runtimeSession]: id, ...headers },
    body: { clientToken: 'x'.repeat(40) },
  })
}

/** Status, error type and message of an answer in the shape of the AWS API. */
export async function awsError(
  answer: RawResponse,
): Promise<[status: number, type: unknown, message: string]> {
  const { message } = await answer.json<{ message: string }>()
  return [answer.status, answer.headers['x-amzn-errortype'], message]
}

/** Status, JSON-RPC code and id of an answer in the envelope of an MCP runtime. */
export async function rpcError(
  answer: RawResponse,
): Promise<[status: number, code: number | undefined, id: RpcMessage['id']]> {
  const { error, id } = await answer.json()
  return [answer.status, error?.code, id]
}

/** The header of a request that is signed, with nothing behind it. */
export function signature(keyId: string): string {
  return `AWS4-HMAC-SHA256 Credential=${keyId}/20260101/us-east-1/bedrock-agentcore/aws4_request, SignedHeaders=host, Signature=${'0'.repeat(64)}`
}
