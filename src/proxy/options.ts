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
