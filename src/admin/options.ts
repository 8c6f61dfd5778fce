import { Type } from '../ground/schema.ts'

/** The slice `admin` of the configuration: the listener for the operator. */
export const adminOptions = Type.Object(
  {
    host: Type.String({
      minLength: 1,
      default: '127.0.0.1',
      description: 'Loopback address of the admin listener.',
    }),
    port: Type.Integer({
      minimum: 0,
      maximum: 65535,
      default: 8081,
      description: 'Port of the admin listener; 0 takes a free one.',
    }),
  },
  {
    additionalProperties: false,
    default: {},
    description: 'The admin listener, for mcp-berth sessions and mcp-berth logs. It needs a token.',
  },
)
