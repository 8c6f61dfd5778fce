import { Type } from '../ground/schema.ts'
import { accessOptions, serverAuthorizerOptions } from '../auth/options.ts'
import { lifecycleOptions, sessionTimeOptions } from '../sessions/options.ts'

/** One bundle of the configuration: several servers as one MCP endpoint. */
export interface Bundle {
  /** Of the server that clients see, at `/bundles/NAME/mcp`. */
  name: string
  /** In the order of the configuration: of two with one URI the first has it. */
  members: readonly BundleMember[]
  separator: string
  /** What a call gets whose member's session has ended by itself: a new one, or an error. */
  onMemberEnd: 'reopen' | 'fail'
}

export interface BundleMember {
  /** Name of the server. */
  server: string
  /** What stands before its names; empty: nothing does. */
  prefix: string
  /** Names that clients see, by the server's own. */
  rename: Readonly<Record<string, string>>
}

const names = (description: string, examples: unknown[]) =>
  Type.Record(Type.String(), Type.String(), { default: {}, examples, description })

/** One entry of `bundles`. */
export const bundleOptions = Type.Object(
  {
    servers: Type.Union(
      [Type.Literal('*'), Type.Array(Type.String({ minLength: 1 }), { maxItems: 100 })],
      {
        'x-expected': '"*" or a list of names of servers',
        examples: [['github', 'time']],
        description: 'Its servers, in the order in which they are listed. "*": all that speak MCP.',
      },
    ),
    separator: Type.String({
      default: '_',
      'x-expected': '1 to 4 letters, digits, dashes or underscores',
      description: 'Stands between the prefix of a server and each of its names: SERVER_tool.',
    }),
    prefixes: names('What stands before the names of a server in place of its own; "": nothing.', [
      { github: 'gh', time: '' },
    ]),
    rename: names('Other names for tools and prompts, by SERVER/NAME.', [
      { 'github/create_issue': 'new_issue' },
    ]),
    onMemberEnd: Type.Enum(['reopen', 'fail'], {
      default: 'reopen',
      description:
        'What a call gets when the session of its server has ended: reopen starts another one and says so, fail is an error, once.',
    }),
    default: Type.Boolean({
      default: false,
      description: 'Serves this bundle at /mcp too.',
    }),
    lifecycleConfiguration: Type.Optional(lifecycleOptions),
    onExpired: sessionTimeOptions.onExpired,
    authorizerConfiguration: Type.Optional(serverAuthorizerOptions),
    access: Type.Optional(accessOptions),
  },
  { additionalProperties: false },
)
