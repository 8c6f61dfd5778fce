import { adminOptions } from '../admin/options.ts'
import {
  accessOptions,
  authorizerOptions,
  credentialOptions,
  secretOptions,
  serverAuthorizerOptions,
  tokenOptions,
} from '../auth/options.ts'
import { bundleOptions } from '../bundle/options.ts'
import { agentcoreOptions, runtimeOptions } from '../protocols/options.ts'
import { listenOptions } from '../proxy/options.ts'
import { Type } from '../ground/schema.ts'
import {
  capOptions,
  drainOptions,
  lifecycleOptions,
  retentionOptions,
  sessionTimeOptions,
  storeOptions,
} from '../sessions/options.ts'
import { quotaOptions } from '../proxy/options.ts'
import { launchOptions, portOptions, warmOptions } from '../workers/options.ts'
import { expected, type Shape } from './check.ts'

const logOptions = Type.Object(
  {
    level: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
      default: 'info',
      description: 'Least important kind of line that is logged.',
    }),
    pretty: Type.Union([Type.Literal('auto'), Type.Boolean()], {
      default: 'auto',
      description: 'Coloured lines instead of JSON. auto: on a terminal.',
    }),
  },
  { additionalProperties: false, default: {}, description: 'The log of the gateway.' },
)

/** One entry of `mcpServers`. Keys of other clients may stand beside these. */
export const serverOptions = Type.Object({
  ...launchOptions,
  ...warmOptions,
  lifecycleConfiguration: Type.Optional(lifecycleOptions),
  ...sessionTimeOptions,
  ...runtimeOptions,
  authorizerConfiguration: Type.Optional(serverAuthorizerOptions),
  access: Type.Optional(accessOptions),
  disabledTools: Type.Optional(
    Type.Array(Type.String(), {
      examples: [['delete_all']],
      description: 'Tools that nobody may use, as other clients write them.',
    }),
  ),
  ...credentialOptions,
  default: Type.Boolean({
    default: false,
    description:
      'Serves this server at /mcp too, or at /invocations. The only server needs no mark.',
  }),
  disabled: Type.Boolean({ default: false, description: 'Leaves the server out.' }),
  type: Type.Optional(
    Type.String({
      examples: ['http'],
      'x-expected': 'stdio or http',
      description: 'As other clients have it: stdio for a command, http for a url.',
    }),
  ),
})

/** `defaults`: the same keys, but all of them ours. */
export const defaultsOptions = Type.Object(serverOptions.properties, {
  additionalProperties: false,
  default: {},
  description:
    'Any key of a server, for those that do not say otherwise. Maps (env, headers, lifecycleConfiguration) are merged.',
})

/** The top-level keys that are plain values. */
export const generalOptions = Type.Object({
  allowAnonymous: Type.Enum(['loopback', 'any-address'], {
    default: 'loopback',
    description:
      'any-address: whoever reaches listen.host may use every server that has no authorizer.',
  }),
  authorizerConfiguration: Type.Optional(authorizerOptions),
  ...tokenOptions,
  ...capOptions,
  ...drainOptions,
  ...portOptions,
  stateDir: Type.Optional(
    Type.String({
      minLength: 1,
      'x-default': '$XDG_STATE_HOME/berth or ~/.local/state/berth',
      examples: ['./state'],
      description: 'Folder for logs, session folders and the admin token.',
    }),
  ),
})

/** The top-level keys that are maps, each the slice of one room. */
export const slices = {
  listen: listenOptions,
  admin: adminOptions,
  store: storeOptions,
  quotas: quotaOptions,
  agentcore: agentcoreOptions,
  secrets: secretOptions,
  retention: retentionOptions,
  log: logOptions,
}

/** What may be overridden by the environment: everything but the servers. */
export const overridable: Shape = {
  properties: {
    ...shapes(slices),
    ...shapes(generalOptions.properties),
    defaults: defaultsOptions,
  },
}

/** The keys at the top that are settings of Berth. */
export const settingKeys = [...Object.keys(overridable.properties ?? {}), 'bundles']

/** Keys of a server that other clients have too, or might. */
export const sharedWords = [
  ...['command', 'args', 'env', 'envFile', 'cwd', 'url', 'headers', 'type', 'transport'],
  ...['port', 'path', 'protocol', 'mode', 'default', 'disabled', 'disabledTools'],
]

/** Keys of a server that Berth alone has. */
export const ownWords = Object.keys(serverOptions.properties).filter(
  (key) => !sharedWords.includes(key),
)

/** Keys at the top that are not settings: the servers, and what VS Code and editors write there. */
export const otherTopLevelKeys = ['mcpServers', 'servers', 'inputs', 'sandbox', '$schema']

/** Values that later releases have. */
export const laterIsolations = ['container', 'kubernetes']

export function laterText(now: string): string {
  return `comes with a later release; in this one ${now}. Take it out.`
}

/** The schema for editors: JSON Schema draft 7, which they know best. */
export function configJsonSchema(): object {
  const server = forFile(serverOptions)
  const servers = { type: 'object', additionalProperties: { $ref: '#/definitions/server' } }
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Configuration of Berth',
    type: 'object',
    additionalProperties: false,
    anyOf: [{ required: ['mcpServers'] }, { required: ['servers'] }],
    properties: {
      $schema: { type: 'string', description: 'Where an editor finds this schema.' },
      ...Object.fromEntries(
        Object.entries(overridable.properties ?? {}).map(([key, shape]) => [key, forFile(shape)]),
      ),
      bundles: {
        type: 'object',
        additionalProperties: { $ref: '#/definitions/bundle' },
        description: 'Several servers as one MCP endpoint, by name: /bundles/NAME/mcp.',
      },
      mcpServers: { ...servers, description: 'The servers by name, as desktop clients have them.' },
      servers: { ...servers, description: 'The same, as VS Code calls it.' },
      inputs: {
        type: 'array',
        description:
          'Questions of VS Code. Berth cannot ask them; the variable API_KEY answers ${input:api-key}.',
      },
    },
    definitions: { server, bundle: forFile(bundleOptions) },
  }
}

/** In a file every key with a default may be absent, and Berth's own notes mean nothing. */
function forFile(shape: Shape): object {
  const copy = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(copy)
    if (typeof value !== 'object' || value === null) return value
    const kept = Object.entries(value).filter(([key]) => !/^(x-.*|required|~.*)$/.test(key))
    return Object.fromEntries(kept.map(([key, inner]) => [key, copy(inner)]))
  }
  return copy(JSON.parse(JSON.stringify(shape))) as object
}

export interface ConfigReferenceRow {
  /** `listen.port`, `mcpServers.NAME.command`. */
  key: string
  type: string
  default: string
  description: string
}

/** Every key of the configuration, for the table of config/README.md. */
export function configReference(): ConfigReferenceRow[] {
  const { defaults, ...settings } = overridable.properties ?? {}
  return [
    ...rowsOf({ properties: settings }, ''),
    { key: 'defaults', type: 'map', default: '', description: defaults?.description ?? '' },
    ...rowsOf(serverOptions, 'mcpServers.NAME.'),
    ...rowsOf(bundleOptions, 'bundles.NAME.'),
  ]
}

function rowsOf(shape: Shape, prefix: string): ConfigReferenceRow[] {
  return Object.entries(shape.properties ?? {}).flatMap(([name, inner]) => {
    const key = `${prefix}${name}`
    if (inner.properties !== undefined) return rowsOf(inner, `${key}.`)
    const row = {
      key,
      type: typeText(inner),
      default: defaultText(inner),
      description: inner.description ?? '',
    }
    const map = inner['x-type'] === undefined ? mapIn(inner) : undefined
    return map === undefined ? [row] : [row, ...rowsOf(map, `${key}.`)]
  })
}

/** The map that a value may be, where it may be something else as well. */
const mapIn = (shape: Shape): Shape | undefined =>
  shape.anyOf?.find(({ properties }) => properties !== undefined)

function typeText(shape: Shape): string {
  if (shape['x-type'] !== undefined) return shape['x-type']
  if (shape['x-expected'] !== undefined) return shape['x-expected']
  if (shape.patternProperties !== undefined) return 'map of texts'
  if (shape.items !== undefined) return 'list of texts'
  if (shape.enum !== undefined || shape.anyOf !== undefined) return expected(shape)
  if (shape.type === 'integer')
    return `whole number${shape['x-unit'] ? ` (${shape['x-unit']})` : ''}`
  return shape.type === 'boolean' ? 'true or false' : 'text'
}

function defaultText(shape: Shape): string {
  if (shape['x-default'] !== undefined) return shape['x-default']
  const value = shape.default
  if (value === undefined) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function shapes(schemas: Record<string, object>): Record<string, Shape> {
  return schemas
}
