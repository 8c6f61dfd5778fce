import { Type } from '../ground/schema.ts'

export { warmOptions, warmWish } from './warm/options.ts'

/** What stands for a text in `args`, `env` and `headers`; YAML writes 8000 and true without quotes. */
const text = { 'x-expected': 'a text' }
const Text = Type.Union([Type.String(), Type.Number(), Type.Boolean()], text)

const size = {
  'x-expected': 'a size such as 512MiB or 1GiB, or a number of bytes',
  'x-default': 'no limit',
  examples: ['512MiB'],
}

/** Keys of a server with isolation: sandbox. */
const sandboxOptions = {
  network: Type.Enum(['host', 'none', 'private'], {
    default: 'host',
    description:
      'Network of a sandbox. private: one of its own, in which the server has its port to itself and 127.0.0.1 is its own.',
  }),
  outbound: Type.Boolean({
    default: true,
    description: 'Whether a private network leads out (through slirp4netns).',
  }),
  mounts: Type.Array(
    Type.Object(
      {
        from: Type.String({ minLength: 1, examples: ['./data'] }),
        to: Type.Optional(Type.String({ minLength: 1, examples: ['/data'] })),
        write: Type.Boolean({ default: false }),
      },
      { additionalProperties: false, examples: [{ from: './data', write: true }] },
    ),
    {
      default: [],
      'x-type': 'list of from, to, write',
      examples: [[{ from: './data', write: true }]],
      description:
        'Folders and files that a sandbox shows beside the usual: from outside, to inside (default: the same), write: what is written there stays.',
    },
  ),
}

/** What one worker may use. */
const limitOptions = {
  limits: Type.Optional(
    Type.Object(
      {
        memory: Type.Optional(
          Type.Union([Type.String(), Type.Integer({ minimum: 1 })], {
            ...size,
            description:
              'Memory of a worker, files in its sandbox included; over it, it is killed.',
          }),
        ),
        cpus: Type.Optional(
          Type.Number({
            minimum: 0.01,
            maximum: 1024,
            'x-expected': 'a number of cores, such as 0.5',
            'x-default': 'no limit',
            examples: [1],
            description: 'Cores, in parts of them too.',
          }),
        ),
        pids: Type.Optional(
          Type.Integer({
            minimum: 16,
            maximum: 4_194_304,
            'x-default': 'no limit',
            examples: [256],
            description: 'Processes and threads; a server in Node has a dozen by itself.',
          }),
        ),
        disk: Type.Optional(
          Type.Union([Type.String(), Type.Integer({ minimum: 1 })], {
            ...size,
            description:
              'What a sandbox may write, workspace included, which then is in memory and ends with the session.',
          }),
        ),
        openFiles: Type.Optional(
          Type.Integer({
            minimum: 64,
            maximum: 1_048_576,
            'x-default': 'no limit',
            examples: [1024],
            description: 'Open files of each process.',
          }),
        ),
      },
      { additionalProperties: false, description: 'What one worker may use.' },
    ),
  ),
  requireLimits: Type.Boolean({
    default: false,
    description: 'Refuses to start where one of the limits cannot be enforced.',
  }),
}

/** A top-level key: of the whole gateway. */
export const portOptions = {
  workerPorts: Type.Optional(
    Type.String({
      pattern: '^\\s*\\d{1,5}\\s*-\\s*\\d{1,5}\\s*$',
      'x-expected': 'a range of ports such as 20000-29999',
      'x-default': 'what the system and usual programs leave',
      examples: ['20000-29999'],
      description:
        'Ports that http servers find in PORT. Default: those that the system gives to nobody by itself, without the usual ports of other programs.',
    }),
  ),
}

/** Keys of a server that say how its workers are started, or where a remote one is. */
export const launchOptions = {
  command: Type.Optional(
    Type.String({
      minLength: 1,
      examples: ['npx'],
      description:
        'Program to start: a name in PATH, or a path. One with a slash is relative to cwd.',
    }),
  ),
  args: Type.Array(Text, {
    default: [],
    examples: [['server.py', '--port', '${PORT}']],
    description: 'Arguments of the command.',
  }),
  transport: Type.Enum(['stdio', 'http'], {
    default: 'stdio',
    description:
      'How the command speaks MCP. http: on 127.0.0.1 at the free port that it finds in PORT.',
  }),
  port: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 65535,
      examples: [8000],
      description:
        'Port that an http server insists on. It then serves one session at a time; prefer PORT.',
    }),
  ),
  path: Type.String({
    pattern: '^/\\S*$',
    'x-expected': 'a path that begins with /',
    default: '/mcp',
    description: 'Path of the endpoint of an http server. With protocol: http it is /invocations.',
  }),
  relay: Type.Boolean({
    default: false,
    description:
      'Puts the keeper in front of an http server, so that several gateways keep the order of its streams and a call goes on when its gateway has died.',
  }),
  preload: Type.Union(
    [
      Type.Enum(['auto']),
      Type.Array(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*(\\.[A-Za-z_][A-Za-z0-9_]*)*$' }), {
        maxItems: 100,
      }),
    ],
    {
      default: [],
      'x-expected': 'auto, or a list of names of Python modules',
      'x-type': 'auto or list of texts',
      examples: [['fastmcp', 'pydantic']],
      description:
        'Modules of a Python server that are loaded once, in a template that each session is forked from; with isolation: sandbox, outside of that. auto: what its own files import.',
    },
  ),
  sessionsPerKeeper: Type.Integer({
    minimum: 1,
    maximum: 64,
    default: 8,
    description:
      'How many sessions of the server one keeper keeps at most. 1: each has a keeper to itself, as it has always where there are no PID namespaces, and with network: private.',
  }),
  env: Type.Record(
    Type.String(),
    Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()], text),
    {
      default: {},
      examples: [{ API_KEY: '${API_KEY}' }],
      description: 'Environment of the worker; an empty value (null) takes a variable away.',
    },
  ),
  envFile: Type.Optional(
    Type.String({
      minLength: 1,
      examples: ['.env'],
      description: 'File of NAME=value lines, read before env. Placeholders find its values too.',
    }),
  ),
  passEnv: Type.Array(
    Type.String({
      pattern: '^[A-Za-z_][A-Za-z0-9_]*\\*?$',
      'x-expected': 'the name of a variable, or its beginning with *',
      examples: ['AWS_*'],
    }),
    {
      default: [],
      description:
        'Variables of the gateway that the worker gets beside PATH, HOME, locale, proxy and CA variables.',
    },
  ),
  cwd: Type.Optional(
    Type.String({
      minLength: 1,
      'x-default': 'folder of the file, or the project',
      examples: ['./billing'],
      description:
        "Working directory. session: an empty folder of the session's own. Default: the folder of this file (the project, for a file in .vscode/ or .cursor/).",
    }),
  ),
  url: Type.Optional(
    Type.String({
      minLength: 1,
      examples: ['https://mcp.example.com/mcp'],
      description: 'Address of a remote MCP server, instead of a command. Its sessions share it.',
    }),
  ),
  headers: Type.Record(Type.String(), Text, {
    default: {},
    examples: [{ Authorization: 'Bearer ${TOKEN}' }],
    description: 'Headers sent with every request to a remote server.',
  }),
  isolation: Type.Optional(
    Type.Enum(['process', 'sandbox', 'remote'], {
      'x-default': 'process, remote for a url',
      examples: ['sandbox'],
      description:
        'What stands between workers. process: a process tree of its own for each session, which is no wall. sandbox: bubblewrap, which is one.',
    }),
  ),
  ...sandboxOptions,
  ...limitOptions,
}
