import { parseJson } from '../ground/json.ts'
import { agentcoreErrors } from './agentcore-errors.ts'
import { exposedHeaders, runtimeSessionId } from './agentcore.ts'
import { mcp } from './mcp.ts'
import type { AgentcoreDialect } from './options.ts'
import type { Protocol } from './protocol.ts'
import { runtimeSessionHeader, workerHeaders } from './worker-headers.ts'

/**
 * AgentCore's contract for agents that speak no MCP: anything is POSTed to `/invocations`, and the
 * answer is JSON or a stream. A session has the name that its client gives it.
 *
 * @param dialect of `/runtimes/…`, where callers see what callers of AWS see; undefined: at
 *   `/servers/…`, where they see what the worker says
 * @see https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/runtime-http-protocol-contract.html
 */
export function createInvocations(dialect: AgentcoreDialect | undefined): Protocol {
  const errors = agentcoreErrors('not-found')
  return {
    ...mcp,
    name: 'invocations',
    publicId: () => undefined,

    chosenId(headers) {
      const id = headers[runtimeSessionHeader]
      return id === undefined ? undefined : runtimeSessionId(id)
    },

    read: () => ({ form: 'not-rpc' }),
    readMessage: () => [],

    toWorker(headers, recipient) {
      const { allowed = dialect === undefined ? undefined : [] } = recipient
      const out = workerHeaders(headers, recipient, allowed)
      // Most agents read JSON, and not all of them look at a body without a type.
      out['content-type'] ??= 'application/json'
      return out
    },

    toClient(headers, publicId, passesChallenge) {
      const out = mcp.toClient(headers, undefined, passesChallenge)
      if (publicId !== undefined) out[runtimeSessionHeader] = publicId
      return out
    },

    carriesAnswer: () => false,
    workerSessionId: () => undefined,
    isForgotten: () => false,
    goodbye: () => undefined,

    reply(error, { publicId, ...about }) {
      const reply = errors.reply(error, { ...about, to: 'operation' })
      if (publicId !== undefined) reply.headers[runtimeSessionHeader] = publicId
      return reply
    },

    replyHeaders: (requestId) => ({
      'x-amzn-requestid': requestId,
      'access-control-expose-headers': exposedHeaders,
    }),
    hidesFailures: dialect !== undefined,
    isPlain: true,
    times:
      dialect === undefined
        ? undefined
        : { requestMs: dialect.requestTimeoutMs, streamMs: dialect.streamMaxMs },
  }
}

/** What an agent says of itself at `GET /ping`. */
export interface Health {
  /** It works on something though no request is open: the session is not idle. */
  isBusy: boolean
  /** `time_of_last_update`: when that changed last. */
  updatedAt: number | undefined
}

/** `/ping` beside the endpoint. */
export function pingPath(path: string): string {
  return path.replace(/\?.*$/, '').replace(/[^/]*$/, 'ping')
}

/** @param body whatever it was; an agent that answers is healthy */
export function readHealth(body: string): Health {
  const read = parseJson(body)
  const said = read.ok ? read.value : undefined
  const { status, time_of_last_update: updatedAt } = Object(said) as Record<string, unknown>
  return {
    isBusy: status === 'HealthyBusy',
    updatedAt: typeof updatedAt === 'number' ? updatedAt : undefined,
  }
}
