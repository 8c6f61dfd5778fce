import type { Static } from 'typebox'
import { Type } from '../ground/schema.ts'

const list = (description: string, examples: string[]) =>
  Type.Optional(
    Type.Array(Type.String({ minLength: 1, examples }), {
      minItems: 1,
      examples: [examples],
      description,
    }),
  )

const claimValue = {
  pattern: '^[A-Za-z0-9_.-]{1,255}$',
  'x-expected': 'at most 255 letters, digits, dots, dashes and underscores',
  examples: ['engineering'],
}

const customClaim = Type.Object(
  {
    inboundTokenClaimName: Type.String({
      pattern: '^.{1,255}$',
      'x-expected': 'the name of a claim',
      examples: ['groups'],
    }),
    inboundTokenClaimValueType: Type.Enum(['STRING', 'STRING_ARRAY'], { examples: ['STRING'] }),
    authorizingClaimMatchValue: Type.Object(
      {
        claimMatchOperator: Type.Enum(['EQUALS', 'CONTAINS', 'CONTAINS_ANY'], {
          examples: ['EQUALS'],
        }),
        claimMatchValue: Type.Object(
          {
            matchValueString: Type.Optional(Type.String(claimValue)),
            matchValueStringList: Type.Optional(
              Type.Array(Type.String(claimValue), { minItems: 1, examples: [['engineering']] }),
            ),
          },
          { additionalProperties: false },
        ),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
)

/** AgentCore's `customJWTAuthorizer`, as it stands there. */
export const jwtOptions = Type.Object(
  {
    discoveryUrl: Type.String({
      pattern: '^https?://[^\\s?#]+/\\.well-known/openid-configuration$',
      'x-expected': 'an http or https URL that ends in /.well-known/openid-configuration',
      examples: ['https://idp.example.com/.well-known/openid-configuration'],
      description: 'Where the identity provider says its issuer and its keys.',
    }),
    allowedAudience: list('Lets in tokens whose aud has any of these.', [
      'https://mcp.example.com',
    ]),
    allowedClients: list('Lets in tokens whose client_id is any of these.', ['my-client']),
    allowedScopes: list('Lets in tokens whose scope has any of these.', ['mcp:use']),
    advertisedScopeMapping: Type.Optional(
      Type.Record(Type.String(), Type.String({ minLength: 1, examples: ['api://mcp/use'] }), {
        'x-type': 'map of texts',
        description: 'What clients are told to ask for in place of a scope of allowedScopes.',
      }),
    ),
    customClaims: Type.Optional(
      Type.Array(customClaim, {
        minItems: 1,
        'x-type': 'list of claims',
        description: 'Lets in tokens that fit each of these: EQUALS, CONTAINS or CONTAINS_ANY.',
      }),
    ),
  },
  {
    additionalProperties: false,
    description:
      'Which tokens are let in: all that is written here has to hold, as AgentCore has it.',
  },
)

const words = Type.Enum(['local', 'none'])
const map = Type.Object(
  {
    customJWTAuthorizer: Type.Optional(jwtOptions),
    apiKeys: Type.Optional(
      Type.String({
        minLength: 1,
        examples: ['berth-keys.json'],
        description:
          'File of the keys that mcp-berth keys makes; who brings one of them needs no token.',
      }),
    ),
  },
  { additionalProperties: false },
)

/** The key `authorizerConfiguration`, at the top for all servers. */
export const authorizerOptions = Type.Union([words, map], {
  'x-expected': 'local, none, or a map with customJWTAuthorizer or apiKeys',
  examples: ['local'],
  description:
    'Who is let in. local: whoever has a token of mcp-berth identity. none: everybody, on a loopback listener.',
})

/** The same of one server. */
export const serverAuthorizerOptions = Type.Union([words, map], {
  'x-expected': 'local, none, or a map with customJWTAuthorizer or apiKeys',
  'x-type': 'as at the top',
  examples: ['local'],
  description: 'Who is let in to this server, where that differs from the others.',
})

/** Top-level keys that are about tokens, and that AgentCore does not have. */
export const tokenOptions = {
  resource: Type.Enum(['server', 'gateway'], {
    default: 'server',
    description:
      'What clients log in to. server: each server by itself. gateway: one login for all of them.',
  }),
  clockSkewSeconds: Type.Integer({
    minimum: 0,
    maximum: 600,
    default: 60,
    'x-unit': 'seconds',
    description: 'Seconds by which the clock of an identity provider may differ.',
  }),
}

export type JwtSetting = Static<typeof jwtOptions>

/** Who is let in, as it is written: `none` is everybody, `local` who has a token of Berth's own. */
export type AuthorizerSetting =
  'none' | 'local' | { customJWTAuthorizer?: JwtSetting; apiKeys?: string }

/** The slice of the configuration that this room gets. */
export interface AuthorizationConfig {
  /** For all servers that say nothing, and for paths at which there is no server. */
  global: AuthorizerSetting
  /** By name; each server has one. */
  servers: Record<string, AuthorizerSetting>
  resource: 'server' | 'gateway'
  clockSkewMs: number
}

/** Where `${secret:NAME}` and `${userSecret:NAME}` are looked up; a top-level key. */
export const secretOptions = Type.Object(
  {
    file: Type.Optional(
      Type.String({
        minLength: 1,
        examples: ['./secrets.yaml'],
        description:
          'File of mode 0600 with shared: { NAME: value } and users: { alice: { NAME: value } }. Read anew when it changes.',
      }),
    ),
    userKey: Type.String({
      minLength: 1,
      default: 'sub',
      description: 'Claim of the token whose value stands under users in that file.',
    }),
    fromEnv: Type.Array(
      Type.String({
        pattern: '^[A-Za-z_][A-Za-z0-9_]*$',
        'x-expected': 'the name of a variable',
        examples: ['SEARCH_KEY'],
      }),
      {
        default: [],
        examples: [['SEARCH_KEY']],
        description:
          'Variables of the gateway that ${secret:NAME} may take. They win over shared in that file, and one that is not set has to stand there.',
      },
    ),
    command: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        minItems: 1,
        examples: [['./secret-of.sh']],
        description:
          'Program, with arguments, that prints the value of ${userSecret:NAME} of who opens a session. It gets BERTH_CALLER_ISS, BERTH_CALLER_SUB, BERTH_CALLER_KEY (the value of userKey) and BERTH_SECRET_NAME.',
      }),
    ),
    commandTimeoutMs: Type.Integer({
      minimum: 1,
      maximum: 600_000,
      default: 10_000,
      'x-unit': 'milliseconds',
      description: 'Milliseconds that this program may take.',
    }),
  },
  {
    additionalProperties: false,
    default: {},
    description: 'Where credentials of users and shared secrets are looked up.',
  },
)

/** A key of a server. */
export const credentialOptions = {
  credentialHeaders: Type.Array(Type.String({ minLength: 1, examples: ['X-GitHub-Token'] }), {
    default: [],
    examples: [['X-GitHub-Token']],
    description:
      'Headers of initialize that ${header:NAME} may take in env and headers. No worker sees them otherwise.',
  }),
}

/** `secrets` as the loader makes it: paths absolute, variables read. Secret. */
export interface SecretsConfig {
  file: string | undefined
  userKey: string
  /** What `fromEnv` names. */
  shared: Readonly<Record<string, string>>
  command: SecretCommand | undefined
}

export interface SecretCommand {
  words: readonly string[]
  cwd: string
  env: Readonly<Record<string, string>>
  timeoutMs: number
}

const patterns = (what: string, examples: string[]) =>
  Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 1024 }), {
      maxItems: 1000,
      examples: [examples],
      description: what,
    }),
  )

/** Names for everybody, or for those whose token says something. */
const accessRule = Type.Union(
  [
    Type.String({ minLength: 1, maxLength: 1024 }),
    Type.Object(
      {
        claim: Type.Optional(Type.String({ minLength: 1, maxLength: 255, examples: ['groups'] })),
        any: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { examples: [['oncall']] })),
        tools: patterns('Names of tools.', ['restart_*']),
        prompts: patterns('Names of prompts.', ['plan_*']),
        resources: patterns('URIs of resources.', ['file:///notes/*']),
      },
      { additionalProperties: false },
    ),
  ],
  {
    'x-expected': 'a name, or a map with tools, prompts or resources',
    examples: ['get_*'],
  },
)

const accessRules = (description: string) =>
  Type.Optional(
    Type.Array(accessRule, {
      maxItems: 1000,
      'x-type': 'list of names or maps',
      examples: [['get_*', { claim: 'groups', any: ['oncall'], tools: ['restart_*'] }]],
      description,
    }),
  )

/** Who may use what of a server, or of a bundle. */
export const accessOptions = Type.Object(
  {
    allow: accessRules(
      'Tools, prompts and resources (by URI) that there are; without it, all. * is any letters.',
    ),
    deny: accessRules('Those that there are not, whatever allow says.'),
  },
  {
    additionalProperties: false,
    description: 'Who may use what. What is not allowed is not listed, and called it is unknown.',
  },
)

export type AccessSetting = Static<typeof accessOptions>
