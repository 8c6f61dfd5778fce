import { Type } from '../ground/schema.ts'

/**
 * AgentCore's `lifecycleConfiguration` of one server. Which of the two was given matters, so
 * neither is filled in here; `lifecycleOf` in `config/` knows AgentCore's rule.
 */
export const lifecycleOptions = Type.Object(
  {
    idleRuntimeSessionTimeout: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_209_600,
        default: 900,
        'x-unit': 'seconds',
        description: 'Seconds without activity after which a session ends.',
      }),
    ),
    maxLifetime: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_209_600,
        default: 28_800,
        'x-unit': 'seconds',
        description: 'Seconds after which a session ends, however busy it is.',
      }),
    ),
  },
  {
    additionalProperties: false,
    description: "When sessions end, in AgentCore's names and units.",
  },
)

/** What a request gets whose session has ended by itself. */
export const onExpiredKinds = ['not-found', 'reopen'] as const
export type OnExpired = (typeof onExpiredKinds)[number]

/** Keys of a server that are about the time of its sessions. */
export const sessionTimeOptions = {
  onExpired: Type.Enum([...onExpiredKinds], {
    default: 'not-found',
    description:
      'What a request gets whose session ended by idleness, age or the loss of its host: not-found (404, as MCP has it), or reopen: a new session under the same id, without the state of the old one.',
  }),
  startTimeoutMs: Type.Integer({
    minimum: 1,
    maximum: 3_600_000,
    default: 120_000,
    'x-unit': 'milliseconds',
    description: 'Milliseconds that a worker may take to start and to answer initialize.',
  }),
  graceMs: Type.Integer({
    minimum: 0,
    maximum: 600_000,
    default: 5_000,
    'x-unit': 'milliseconds',
    description: 'Milliseconds between asking a worker to stop and killing its whole tree.',
  }),
}

/** How many sessions there may be; top-level keys. */
export const capOptions = {
  maxSessions: Type.Integer({
    minimum: 1,
    maximum: 100_000,
    default: 500,
    description: 'Sessions of the whole gateway.',
  }),
  maxSessionsPerPrincipal: Type.Integer({
    minimum: 1,
    maximum: 100_000,
    default: 100,
    description: 'Sessions of one principal. Anonymous clients share maxSessions.',
  }),
  maxStarting: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 10_000,
      'x-default': '2 × cores',
      examples: [4],
      description:
        'Workers that start at the same time, and two more lest one client or server holds all. Default: 2 × cores.',
    }),
  ),
  maxQueued: Type.Integer({
    minimum: 0,
    maximum: 100_000,
    default: 100,
    description:
      'Sessions that wait for a start. One more is refused, or one of whoever has most of them.',
  }),
  minFreeMemory: Type.Integer({
    minimum: 0,
    maximum: 90,
    default: 5,
    'x-unit': 'percent',
    description:
      'Percent of the memory below which no worker starts, and the longest-idle session of whoever has most makes room. 0: never.',
  }),
}

const addresses = (description: string, example: string) =>
  Type.Optional(
    Type.Array(
      Type.String({
        pattern: String.raw`^(\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+):[0-9]{1,5}$`,
        'x-expected': 'HOST:PORT',
      }),
      { minItems: 1, examples: [[example]], description },
    ),
  )

const text = (description: string, example: string) =>
  Type.Optional(Type.String({ minLength: 1, examples: [example], description }))

export const storeOptions = Type.Object(
  {
    kind: Type.Enum(['memory', 'redis'], {
      default: 'memory',
      description:
        'memory: sessions end with the gateway. redis: they outlive it, and gateways share them.',
    }),
    url: Type.Optional(
      Type.String({
        minLength: 1,
        'x-default': 'redis://127.0.0.1:6379/0',
        'x-expected':
          'redis://USER:PASSWORD@HOST:PORT/DB, the same with rediss:// for TLS, or redis+unix:///PATH?db=DB',
        'x-type': 'URL',
        examples: ['redis://127.0.0.1:6379/0'],
        description:
          'One Redis: redis://USER:PASSWORD@HOST:PORT/DB, rediss:// for TLS, or redis+unix:///PATH?db=DB.',
      }),
    ),
    prefix: Type.Optional(
      Type.String({
        pattern: String.raw`^[^{}\s]{1,100}$`,
        examples: ['berth'],
        'x-default': 'berth',
        'x-expected': 'a text without spaces and braces',
        'x-type': 'text',
        description:
          'Beginning of every key in Redis, in braces. Each set of gateways needs its own.',
      }),
    ),
    username: text('ACL user of Redis. Or in url.', 'berth'),
    password: text('Password of Redis. Or in url, percent-encoded.', '${REDIS_PASSWORD}'),
    tls: Type.Optional(
      Type.Object(
        {
          caFile: text('File with the CA of Redis. Default: the CAs of Node.js.', './redis-ca.pem'),
          certFile: text('File with the certificate that Berth shows.', './berth.pem'),
          keyFile: text('File with the key of that certificate.', './berth-key.pem'),
          servername: text(
            'Name in the certificate of Redis, if that is not its host.',
            'redis.local',
          ),
        },
        {
          additionalProperties: false,
          description: 'TLS to Redis; an empty map is enough. rediss:// implies it.',
        },
      ),
    ),
    sentinels: addresses('Sentinels that know where Redis is, in place of url.', '10.0.0.1:26379'),
    sentinelName: text('Name that the sentinels have for that Redis.', 'mymaster'),
    sentinelPassword: text('Password of the sentinels.', '${SENTINEL_PASSWORD}'),
    cluster: addresses('Some nodes of a Redis Cluster, in place of url.', '10.0.0.1:6379'),
  },
  { additionalProperties: false, default: {}, description: 'Where sessions are kept.' },
)

export interface RedisAddress {
  readonly host: string
  readonly port: number
}

/** A Redis store as the loader makes it of `store`: checked and filled. Holds secrets. */
export interface RedisStoreConfig {
  kind: 'redis'
  place:
    | { kind: 'server'; host: string; port: number }
    | { kind: 'socket'; path: string }
    | { kind: 'sentinel'; name: string; sentinels: RedisAddress[]; password: string | undefined }
    | { kind: 'cluster'; nodes: RedisAddress[] }
  /** Of a server or a socket; 0 elsewhere. */
  db: number
  /** Default `berth`. */
  prefix: string
  username: string | undefined
  password: string | undefined
  /** Absolute paths. Absent: no TLS. */
  tls: { caFile?: string; certFile?: string; keyFile?: string; servername?: string } | undefined
}

export const drainOptions = {
  drainMs: Type.Integer({
    minimum: 0,
    maximum: 3_600_000,
    default: 10_000,
    'x-unit': 'milliseconds',
    description: 'Milliseconds that requests may go on after SIGTERM before every worker is ended.',
  }),
}

export const retentionOptions = Type.Object(
  {
    maxAgeMs: Type.Integer({
      minimum: 0,
      maximum: 31_536_000_000,
      default: 604_800_000,
      'x-unit': 'milliseconds',
      description:
        'Milliseconds that folders and logs of ended sessions are kept. Default: 7 days.',
    }),
    maxTotalBytes: Type.Integer({
      minimum: 1_048_576,
      maximum: 1_099_511_627_776,
      default: 1_073_741_824,
      'x-unit': 'bytes',
      description:
        'Bytes of the disk that all of them may take together: the largest workspaces go first, then the oldest. Default: 1 GiB.',
    }),
    logFileBytes: Type.Integer({
      minimum: 4_096,
      maximum: 1_073_741_824,
      default: 10_485_760,
      'x-unit': 'bytes',
      description: 'Size at which the log of a worker is rotated, in bytes. Default: 10 MiB.',
    }),
  },
  {
    additionalProperties: false,
    default: {},
    description: 'How long folders and logs of ended sessions are kept.',
  },
)
