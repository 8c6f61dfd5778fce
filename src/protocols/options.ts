import type { ProtocolName } from '../ground/paths.ts'
import { protocolPaths } from '../ground/paths.ts'
import { Type } from '../ground/schema.ts'

/** How the dialect of AgentCore is spoken; the part of `agentcore:` that is not about names. */
export interface AgentcoreDialect {
  deadSession: 'not-found' | 'runtime-error'
  delete: 'end' | 'not-found'
  requestTimeoutMs: number
  streamMaxMs: number
}

/** The slice `agentcore` of the configuration: the paths under `/runtimes/`. */
export const agentcoreOptions = Type.Object(
  {
    accountId: Type.String({
      pattern: '^[0-9]{12}$',
      default: '123456789012',
      'x-expected': 'twelve digits, in quotes',
      examples: ["'123456789012'"],
      description: 'Account in the ARN of each server: any twelve digits, in quotes.',
    }),
    region: Type.String({
      pattern: '^[a-z]{2}(-[a-z]+)+-[0-9]+$',
      default: 'us-east-1',
      'x-expected': 'the name of an AWS region',
      examples: ['us-east-1'],
      description: 'Region in the ARN of each server.',
    }),
    deadSession: Type.Enum(['not-found', 'runtime-error'], {
      default: 'not-found',
      description:
        'What a POST to a session that has ended gets. not-found: HTTP 404, as AgentCore documents; runtime-error: 200 with JSON-RPC -32010, as it was measured.',
    }),
    delete: Type.Enum(['end', 'not-found'], {
      default: 'end',
      description:
        'What DELETE does. end: ends the session, as MCP has it; not-found: 404 and nothing else, as AgentCore answers.',
    }),
    bodyLimit: Type.Integer({
      minimum: 1024,
      maximum: 1_073_741_824,
      default: 100_000_000,
      'x-unit': 'bytes',
      description: 'Largest payload, in bytes.',
    }),
    requestTimeoutMs: Type.Integer({
      minimum: 1,
      maximum: 86_400_000,
      default: 900_000,
      'x-unit': 'milliseconds',
      description: 'Milliseconds that an answer may take, unless it is a stream: 15 minutes.',
    }),
    streamMaxMs: Type.Integer({
      minimum: 1,
      maximum: 604_800_000,
      default: 3_600_000,
      'x-unit': 'milliseconds',
      description: 'Milliseconds that a stream may last: 60 minutes.',
    }),
  },
  {
    additionalProperties: false,
    default: {},
    description:
      'How the paths under /runtimes/ behave, which are those of Amazon Bedrock AgentCore.',
  },
)

/** Keys of a server that AgentCore has as well. */
export const runtimeOptions = {
  protocol: Type.Enum(Object.keys(protocolPaths) as ProtocolName[], {
    default: 'mcp',
    description:
      "What the server speaks. http: AgentCore's other contract, POST /invocations and GET /ping at $PORT; it is at /servers/NAME/invocations.",
  }),
  mode: Type.Enum(['stateful', 'stateless'], {
    default: 'stateful',
    description:
      'Whether an MCP server keeps sessions itself. stateless: any POST without an id opens one, and Berth gives it the id.',
  }),
  agentRuntimeArn: Type.Optional(
    Type.String({
      pattern:
        '^arn:aws(-[a-z]+)*:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:runtime/[a-zA-Z][a-zA-Z0-9_]{0,47}-[a-zA-Z0-9]{10}$',
      'x-expected': 'the ARN of an agent runtime',
      'x-default': 'made from the name',
      examples: ['arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/billing-a1B2c3D4e5'],
      description: 'ARN at /runtimes/, to be as in AWS. Default: made from the name of the server.',
    }),
  ),
  requestHeaderConfiguration: Type.Optional(
    Type.Object(
      {
        requestHeaderAllowlist: Type.Optional(
          Type.Array(
            Type.String({
              pattern: '^[A-Za-z0-9_-]{1,256}$',
              'x-expected': 'the name of a header: letters, digits, dashes and underscores',
              examples: ['X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant'],
            }),
            {
              maxItems: 20,
              'x-expected': 'a list of at most 20 names',
              examples: [['X-Api-Key', 'Authorization']],
              description:
                'Headers of clients that reach the worker, beside those of MCP and of tracing: at most 20, each of at most 4 KB. Without a list, at /servers/ whatever is no credential does, and at /runtimes/ nothing.',
            },
          ),
        ),
      },
      {
        additionalProperties: false,
        description: "Which headers reach the worker, in AgentCore's names.",
      },
    ),
  ),
}
