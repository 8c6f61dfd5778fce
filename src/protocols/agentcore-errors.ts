import type { ErrorCode, GatewayError } from '../ground/errors.ts'
import { parseJson } from '../ground/json.ts'
import type { RpcId } from '../ground/jsonrpc.ts'
import { asGatewayError, rpcError, rpcReply } from '../ground/replies.ts'
import type { Reply } from '../ground/replies.ts'
import { eventText } from '../ground/whole-events.ts'
import type { ReplyAbout } from './protocol.ts'
import { runtimeSessionHeader, sessionHeader } from './worker-headers.ts'

/**
 * What AgentCore calls an error: its type and status towards callers of the AWS API, its status and
 * code in the JSON-RPC envelope of an MCP runtime. Without a message the error's own is taken.
 */
interface Kind {
  type: string
  status: number
  rpcStatus: number
  rpcCode: number
  message?: string
}

const seeLogs = 'Please check your CloudWatch logs for more information'

/** @see https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/runtime-mcp-protocol-contract.html */
const kinds = {
  unauthorized: { type: 'UnauthorizedException', status: 401, rpcStatus: 401, rpcCode: -32001 },
  denied: { type: 'AccessDeniedException', status: 403, rpcStatus: 403, rpcCode: -32002 },
  throttled: {
    ...{ type: 'ThrottlingException', status: 429, rpcStatus: 200, rpcCode: -32003 },
    message: 'Rate limit exceeded - Too many requests',
  },
  quota: {
    ...{ type: 'ServiceQuotaExceededException', status: 402, rpcStatus: 200, rpcCode: -32003 },
    message: 'Rate limit exceeded - Too many requests',
  },
  notFound: {
    ...{ type: 'ResourceNotFoundException', status: 404, rpcStatus: 200, rpcCode: -32004 },
    message: 'Resource not found - Requested resource does not exist',
  },
  busy: {
    ...{ type: 'RetryableConflictException', status: 409, rpcStatus: 200, rpcCode: -32005 },
    message: 'Session operation in progress, please retry',
  },
  validation: {
    ...{ type: 'ValidationException', status: 400, rpcStatus: 200, rpcCode: -32006 },
    message: 'Validation error - Invalid request data',
  },
  runtime: {
    ...{ type: 'RuntimeClientError', status: 424, rpcStatus: 200, rpcCode: -32010 },
    message: `Tool execution error - ${seeLogs}`,
  },
  unacceptable: {
    ...{ type: 'McpRequestUnacceptableException', status: 406, rpcStatus: 406, rpcCode: -32011 },
    message:
      'Accept Header Error - MCP protocol requires Accept header: application/json, text/event-stream',
  },
  internal: { type: 'InternalServerException', status: 500, rpcStatus: 200, rpcCode: -32603 },
  unknownOperation: {
    ...{ type: 'UnknownOperationException', status: 404, rpcStatus: 404, rpcCode: -32004 },
  },
} as const satisfies Record<string, Kind>

/** Those whose status alone would say something else. */
const byCode: Partial<Record<ErrorCode, keyof typeof kinds>> = {
  ERR_AGENTCORE_UNKNOWN_OPERATION: 'unknownOperation',
  ERR_PROXY_NOT_FOUND: 'unknownOperation',
  ERR_PROXY_POST_ONLY: 'unknownOperation',
  ERR_SESSIONS_FULL: 'quota',
  ERR_SESSIONS_PRINCIPAL_FULL: 'quota',
  ERR_SESSIONS_QUEUE_FULL: 'throttled',
}

/** They are answered before it matters that the runtime speaks MCP. */
const beforeMcp: ReadonlySet<ErrorCode> = new Set([
  'ERR_PROXY_NOT_FOUND',
  'ERR_AGENTCORE_UNKNOWN_OPERATION',
  'ERR_AGENTCORE_NO_AGENT',
  'ERR_AUTH_METHOD',
  'ERR_AUTH_TOKEN_MALFORMED',
])

function kindOf({ code, statusCode }: GatewayError): Kind {
  const known = byCode[code]
  if (known !== undefined) return kinds[known]
  switch (statusCode) {
    case 401:
      return kinds.unauthorized
    case 403:
      return kinds.denied
    case 404:
      return kinds.notFound
    case 406:
      return kinds.unacceptable
    case 409:
    case 503:
      return kinds.busy
    case 429:
      return kinds.throttled
    case 502:
    case 504:
      return kinds.runtime
    default:
      return statusCode < 500 ? kinds.validation : kinds.internal
  }
}

export interface AgentcoreErrors {
  reply(thrown: unknown, about: ReplyAbout): Reply
  errorEvent(thrown: unknown, requestId: string, id: RpcId): string
}

/** @param deadSession `runtime-error`: the measured form, 200 with -32010, in place of 404 */
export function agentcoreErrors(deadSession: 'not-found' | 'runtime-error'): AgentcoreErrors {
  const isDead = ({ code }: GatewayError): boolean => code === 'ERR_SESSIONS_NOT_FOUND'
  const kindFor = (error: GatewayError): Kind =>
    isDead(error) && deadSession === 'runtime-error' ? kinds.runtime : kindOf(error)

  const envelope = (error: GatewayError, requestId: string, id: RpcId | null) => {
    const { rpcCode, ...kind } = kindFor(error)
    const ours = rpcError(error, requestId, id)
    const message = messageOf(error) ?? kind.message
    if (message === undefined) return { ...ours, error: { ...ours.error, code: rpcCode } }
    // What to do about it stands beside the words that clients of AgentCore know.
    const data = { code: error.code, message: ours.error.message, ...ours.error.data }
    return { ...ours, error: { code: rpcCode, message, data } }
  }

  /**
   * What AWS SDKs take for an error, by its status: they look for its type in a header and for its
   * words in `message`, beside which a client of MCP finds its own.
   */
  const forBoth = (error: GatewayError, reply: Reply): Reply => {
    const own = parseJson(reply.body, Infinity)
    const body = (own.ok ? own.value : {}) as { error?: { message: string } }
    const { message } = body.error ?? {}
    const said = message === undefined ? body : { ...body, message }
    const headers = { ...reply.headers, 'x-amzn-errortype': kindOf(error).type }
    return { ...reply, headers, body: JSON.stringify(said) }
  }

  /** For who sees statuses: as `/servers` has it. */
  const plainly = (error: GatewayError, { requestId, ids = [] }: ReplyAbout): Reply =>
    forBoth(error, rpcReply(error, { requestId, ids }))

  const operation = (error: GatewayError, requestId: string): Reply => {
    const { type, status } = kindOf(error)
    const message = messageOf(error) ?? rpcError(error, requestId, null).error.message
    const { headers } = rpcReply(error, { requestId })
    return {
      statusCode: status,
      headers: { ...headers, 'x-amzn-errortype': type },
      body: JSON.stringify({ message }),
      code: error.code,
    }
  }

  const message = (error: GatewayError, about: ReplyAbout): Reply => {
    const { requestId, ids = [] } = about
    if (isDead(error) && deadSession === 'not-found') return plainly(error, about)
    const [first, ...more] = ids
    const body =
      more.length === 0
        ? envelope(error, requestId, first ?? null)
        : ids.map((id) => envelope(error, requestId, id))
    const { headers } = rpcReply(error, { requestId })
    const { rpcStatus: statusCode } = kindFor(error)
    const reply = { statusCode, headers, body: JSON.stringify(body), code: error.code }
    return statusCode < 400 ? reply : forBoth(error, reply)
  }

  return {
    reply(thrown, about) {
      const error = asGatewayError(thrown)
      if (about.to === 'operation' || beforeMcp.has(error.code)) {
        return operation(error, about.requestId)
      }
      const reply = about.to === 'stream' ? plainly(error, about) : message(error, about)
      if (about.publicId === undefined) return reply
      const ids = { [sessionHeader]: about.publicId, [runtimeSessionHeader]: about.publicId }
      return { ...reply, headers: { ...reply.headers, ...ids } }
    },
    errorEvent(thrown, requestId, id) {
      return eventText(JSON.stringify(envelope(asGatewayError(thrown), requestId, id)))
    },
  }

  function messageOf(error: GatewayError): string | undefined {
    if (isDead(error) && deadSession === 'runtime-error') return received(404)
    const answered = error.details?.answered
    if (typeof answered === 'number') return received(answered)
    if (error.code === 'ERR_WORKERS_UNHEALTHY') return 'Runtime health check failed or timed out.'
    if (error.code !== 'ERR_WORKERS_START_TIMEOUT') return undefined
    return 'Runtime initialization time exceeded.'
  }
}

const received = (statusCode: number): string =>
  `Received error (${statusCode}) from runtime. ${seeLogs}.`
