import { GatewayError } from '../ground/errors.ts'
import { agentcoreErrors } from './agentcore-errors.ts'
import { corsExposedHeaders, mcp } from './mcp.ts'
import type { AgentcoreDialect } from './options.ts'
import type { Protocol } from './protocol.ts'
import { runtimeSessionHeader, workerHeaders } from './worker-headers.ts'

/**
 * MCP as a runtime of Amazon Bedrock AgentCore speaks it, at `/runtimes/{ARN}/invocations`.
 * README.md beside this file says row by row what is alike.
 *
 * @see https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/runtime-mcp-protocol-contract.html
 */
export function createAgentcore(dialect: AgentcoreDialect): Protocol {
  const errors = agentcoreErrors(dialect.deadSession)
  return {
    ...mcp,
    ...errors,
    name: 'agentcore',

    chosenId(headers) {
      const id = headers[runtimeSessionHeader]
      return id === undefined ? undefined : runtimeSessionId(id)
    },

    toWorker(headers, recipient) {
      // Only what a list names: what works here is to work there.
      const out = workerHeaders(headers, recipient, recipient.allowed ?? [])
      // The AWS SDK calls every payload an octet stream; a POST without a type is JSON as well.
      if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) {
        out['content-type'] = 'application/json'
      }
      return out
    },

    toClient(headers, publicId, passesChallenge) {
      const out = mcp.toClient(headers, publicId, passesChallenge)
      if (publicId !== undefined) out[runtimeSessionHeader] = publicId
      return out
    },

    replyHeaders: (requestId) => ({
      'x-amzn-requestid': requestId,
      'access-control-expose-headers': exposedHeaders,
    }),
    hidesFailures: true,
    endsOnDelete: dialect.delete === 'end',
    times: { requestMs: dialect.requestTimeoutMs, streamMs: dialect.streamMaxMs },
  }
}

/** What a browser may read on AgentCore's paths (CORS). */
export const exposedHeaders = `${corsExposedHeaders}, X-Amzn-Bedrock-AgentCore-Runtime-Session-Id, X-Amzn-ErrorType, X-Amzn-RequestId`

const shortest = 33
const longest = 256

/**
 * The session id of an AWS caller. SDKs make one up for every call that has none.
 *
 * @throws ERR_AGENTCORE_VALIDATION in the words of the service
 */
export function runtimeSessionId(id: string | string[] | undefined): string {
  if (typeof id !== 'string') throw constraint('Member must not be null')
  if (id.length < shortest) {
    throw constraint(`Member must have length greater than or equal to ${shortest}`)
  }
  if (id.length > longest) {
    throw constraint(`Member must have length less than or equal to ${longest}`)
  }
  return id
}

function constraint(what: string): GatewayError {
  const why = `1 validation error detected: Value at 'runtimeSessionId' failed to satisfy constraint: ${what}`
  return new GatewayError('ERR_AGENTCORE_VALIDATION', { params: { why } })
}
