import Type from 'typebox'

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

/** Keys of a server that are about the time of its sessions. */
export const sessionTimeOptions = {
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
      description: 'Workers that start at the same time. Default: 2 × cores.',
    }),
  ),
  maxQueued: Type.Integer({
    minimum: 0,
    maximum: 100_000,
    default: 100,
    description: 'Sessions that wait for a start; one more is refused.',
  }),
}

export const storeOptions = Type.Object(
  {
    kind: Type.Enum(['memory'], {
      default: 'memory',
      description: 'memory: sessions end with the gateway.',
    }),
  },
  { additionalProperties: false, default: {}, description: 'Where sessions are kept.' },
)

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
      description: 'Bytes that all of them may take together; the oldest go first. Default: 1 GiB.',
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
