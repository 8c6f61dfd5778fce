import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { createAgentcore } from '../../src/protocols/agentcore.ts'
import type { AgentcoreDialect } from '../../src/protocols/options.ts'
import type { ErrorCode, GatewayErrorOptions } from '../../src/ground/errors.ts'
import { GatewayError } from '../../src/ground/errors.ts'

const dialect: AgentcoreDialect = {
  deadSession: 'not-found',
  delete: 'end',
  requestTimeoutMs: 1000,
  streamMaxMs: 1000,
}
const agentcore = createAgentcore(dialect)
const seeLogs = 'Please check your CloudWatch logs for more information'

/** Code → envelope of a runtime that speaks MCP, then status and type towards the AWS API. */
const rows: [
  ErrorCode,
  [number, number, string | RegExp],
  [number, string],
  GatewayErrorOptions?,
][] = [
  ['ERR_AUTH_ADMIN_TOKEN', [401, -32001, /^Send the admin token/], [401, 'UnauthorizedException']],
  ['ERR_PROXY_ORIGIN', [403, -32002, /^Forbidden/], [403, 'AccessDeniedException']],
  [
    'ERR_PROXY_TOO_MANY_EXCHANGES',
    [200, -32003, 'Rate limit exceeded - Too many requests'],
    [429, 'ThrottlingException'],
  ],
  [
    'ERR_SESSIONS_QUEUE_FULL',
    [200, -32003, 'Rate limit exceeded - Too many requests'],
    [429, 'ThrottlingException'],
  ],
  [
    'ERR_SESSIONS_FULL',
    [200, -32003, 'Rate limit exceeded - Too many requests'],
    [402, 'ServiceQuotaExceededException'],
  ],
  [
    'ERR_SESSIONS_PRINCIPAL_FULL',
    [200, -32003, 'Rate limit exceeded - Too many requests'],
    [402, 'ServiceQuotaExceededException'],
  ],
  [
    'ERR_PROXY_UNKNOWN_SERVER',
    [200, -32004, 'Resource not found - Requested resource does not exist'],
    [404, 'ResourceNotFoundException'],
  ],
  [
    'ERR_SESSIONS_DRAINING',
    [200, -32005, 'Session operation in progress, please retry'],
    [409, 'RetryableConflictException'],
  ],
  [
    'ERR_PROXY_NOT_JSON',
    [200, -32006, 'Validation error - Invalid request data'],
    [400, 'ValidationException'],
  ],
  [
    'ERR_PROXY_BODY_TOO_LARGE',
    [200, -32006, 'Validation error - Invalid request data'],
    [400, 'ValidationException'],
  ],
  [
    'ERR_SESSIONS_ENDED',
    [200, -32010, `Tool execution error - ${seeLogs}`],
    [424, 'RuntimeClientError'],
  ],
  [
    'ERR_WORKERS_START_TIMEOUT',
    [200, -32010, /^Runtime initialization time exceeded/],
    [424, 'RuntimeClientError'],
  ],
  [
    'ERR_WORKERS_FAILED',
    [200, -32010, `Received error (500) from runtime. ${seeLogs}.`],
    [424, 'RuntimeClientError'],
    { details: { answered: 500 } },
  ],
  [
    'ERR_PROXY_ACCEPT_POST',
    [
      406,
      -32011,
      'Accept Header Error - MCP protocol requires Accept header: application/json, text/event-stream',
    ],
    [406, 'McpRequestUnacceptableException'],
  ],
  [
    'ERR_PROXY_INTERNAL',
    [200, -32603, /^Internal Server Error \(ERR_PROXY_INTERNAL, request r-1\)$/],
    [500, 'InternalServerException'],
  ],
]

describe('errors of an MCP runtime', () => {
  for (const [code, [status, rpcCode, message], [awsStatus, type], options] of rows) {
    test(`${code} is ${status} with ${rpcCode}, and ${awsStatus} ${type}`, () => {
      const thrown = new GatewayError(code, options)
      const about = { requestId: 'r-1', ids: [7] }
      const answer = agentcore.reply(thrown, { ...about, to: 'message', publicId: 'the-id' })
      const body = JSON.parse(answer.body) as {
        id: number
        error: { code: number; message: string }
      }
      assert.deepEqual([answer.statusCode, body.error.code, body.id], [status, rpcCode, 7])
      if (typeof message === 'string') assert.equal(body.error.message, message)
      else assert.match(body.error.message, message)
      assert.equal(answer.headers['mcp-session-id'], 'the-id')
      assert.equal(answer.headers['x-amzn-bedrock-agentcore-runtime-session-id'], 'the-id')

      const operation = agentcore.reply(thrown, { ...about, to: 'operation' })
      assert.equal(operation.statusCode, awsStatus)
      assert.equal(operation.headers['x-amzn-errortype'], type)
      assert.deepEqual(Object.keys(JSON.parse(operation.body) as object), ['message'])

      const event = agentcore.errorEvent(thrown, 'r-1', 7)
      const { message: forAws, ...envelope } = body as typeof body & { message?: string }
      assert.equal(event, `event: message\ndata: ${JSON.stringify(envelope)}\n\n`)
      // AWS SDKs take a status of 400 or more for an error of the API.
      const isError = status >= 400
      assert.equal(forAws, isError ? body.error.message : undefined)
      assert.equal(answer.headers['x-amzn-errortype'], isError ? type : undefined)
    })
  }

  test('what to do stands beside the words of AgentCore, and nothing of a fault of ours', () => {
    const about = { requestId: 'r-1', ids: [1], to: 'message' as const }
    const read = (code: ErrorCode) =>
      (JSON.parse(agentcore.reply(new GatewayError(code), about).body) as { error: object }).error
    assert.deepEqual(read('ERR_PROXY_NOT_RPC'), {
      code: -32006,
      message: 'Validation error - Invalid request data',
      data: { code: 'ERR_PROXY_NOT_RPC', message: 'The body is not a JSON-RPC 2.0 message.' },
    })
    assert.deepEqual(read('ERR_PROXY_WORKER_CUT'), {
      code: -32010,
      message: `Tool execution error - ${seeLogs}`,
      data: {
        code: 'ERR_PROXY_WORKER_CUT',
        requestId: 'r-1',
        message: 'Bad Gateway (ERR_PROXY_WORKER_CUT, request r-1)',
      },
    })
  })

  test('every request of a batch is answered', () => {
    const { body } = agentcore.reply(new GatewayError('ERR_SESSIONS_FULL'), {
      ...{ requestId: 'r', ids: ['a', 'b'], to: 'message' },
    })
    const ids = (JSON.parse(body) as { id: string }[]).map(({ id }) => id)
    assert.deepEqual(ids, ['a', 'b'])
  })
})
