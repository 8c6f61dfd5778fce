import { Type } from '../ground/schema.ts'

/** The slice `listen` of the configuration: where clients come in. */
export const listenOptions = Type.Object(
  {
    host: Type.String({
      minLength: 1,
      default: '127.0.0.1',
      description:
        'Address to listen on. Any but a loopback one needs an authorizer on every server, or allowAnonymous: any-address.',
    }),
    port: Type.Integer({
      minimum: 0,
      maximum: 65535,
      default: 8080,
      description: 'Port to listen on; 0 takes a free one.',
    }),
    publicUrl: Type.Optional(
      Type.String({
        pattern: '^https?://[^\\s?#@]+$',
        'x-expected': 'an http or https URL without query, fragment or password',
        examples: ['https://mcp.example.com'],
        description:
          'Address that clients know the gateway by, when it is behind a proxy. Its host joins allowedHosts.',
      }),
    ),
    allowedOrigins: Type.Array(
      Type.String({
        pattern: '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#\\s*]+$',
        'x-expected': 'an exact origin: scheme, host and port, without a path or a wildcard',
        examples: ['https://app.example.com'],
      }),
      {
        default: [],
        description:
          'Origins of web pages that may call, beside loopback ones, which a loopback listener always allows.',
      },
    ),
    allowedHosts: Type.Array(
      Type.String({
        pattern: '^[^/\\s*]+$',
        'x-expected': 'a host name, with its port where that is not the usual one',
        examples: ['mcp.example.com'],
      }),
      {
        default: [],
        description: 'Host headers that are accepted beside loopback names and the address itself.',
      },
    ),
    bodyLimit: Type.Integer({
      minimum: 1024,
      maximum: 1_073_741_824,
      default: 4_194_304,
      'x-unit': 'bytes',
      description: 'Largest message that a client may POST, in bytes. SDK servers take 4 MiB.',
    }),
  },
  {
    additionalProperties: false,
    default: {},
    description: 'The public listener, for MCP clients.',
  },
)

/** The same, checked. */
export interface ListenConfig {
  host: string
  port: number
  /** Base of metadata, runtime URLs and client configs. Its host joins `allowedHosts`. */
  publicUrl: string | undefined
  /** Exact origins. Loopback origins on any port are always allowed on a loopback listener. */
  allowedOrigins: string[]
  /** Host header values beside loopback names and the listening address. */
  allowedHosts: string[]
  /** Of one POSTed message. Default 4 MiB, as SDK servers have it. */
  bodyLimitBytes: number
}

/** How much one may have, or all of a group together; what is absent is not limited. */
export interface QuotaNumbers {
  readonly sessions?: number
  readonly startsPerMinute?: number
  readonly callsPerMinute?: number
  readonly callsInProgress?: number
}

/** Those whose token says any of these. */
export interface QuotaGroup extends QuotaNumbers {
  readonly claim: string
  readonly any: readonly string[]
}

export interface QuotasConfig {
  readonly principal: QuotaNumbers
  readonly groups: readonly QuotaGroup[]
}

const most = (description: string, example: number) =>
  Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1_000_000,
      'x-default': 'no limit',
      examples: [example],
      description,
    }),
  )

const numbers = {
  sessions: most('Sessions at a time; those of a bundle at its servers count with it, as one.', 5),
  startsPerMinute: most('Sessions with a worker of their own that begin in a minute.', 10),
  callsPerMinute: most('Requests to servers in a minute, pings aside.', 120),
  callsInProgress: most('Requests to servers that are not answered yet, of one gateway.', 8),
}

/** The keys of these that are numbers. */
export const quotaKeys = Object.keys(numbers) as (keyof QuotaNumbers)[]

const groupOptions = Type.Object(
  {
    claim: Type.String({
      minLength: 1,
      examples: ['groups'],
      description: 'Claim of the token, or a path of names with dots between them.',
    }),
    any: Type.Array(Type.String({ minLength: 1 }), {
      minItems: 1,
      examples: [['students']],
      description: 'Texts of which the claim has to be, or to have, one.',
    }),
    ...numbers,
  },
  { additionalProperties: false },
)

/** The slice `quotas` of the configuration. */
export const quotaOptions = Type.Object(
  {
    principal: Type.Object(numbers, {
      additionalProperties: false,
      default: {},
      description: 'What each principal may have. All anonymous clients are one.',
    }),
    groups: Type.Array(groupOptions, {
      default: [],
      maxItems: 100,
      'x-type': 'list of maps',
      examples: [[{ claim: 'groups', any: ['students'], callsPerMinute: 600 }]],
      description:
        'What all principals of a group may have together: claim and any, which say by their tokens who is in it, beside the same numbers.',
    }),
  },
  {
    additionalProperties: false,
    default: {},
    description: 'How much principals and groups of them may use; what is absent is not limited.',
  },
)
