import type { CommandOptions, Values } from './command.ts'
import { UsageError } from './command.ts'
import { portValue } from './values.ts'

/** The options of every command that takes a server's command instead of a file. */
export const serverOptions = {
  http: {
    type: 'boolean',
    description: 'COMMAND is an HTTP server that listens on $PORT (without this it speaks stdio)',
  },
  port: {
    type: 'string',
    value: 'PORT',
    description: 'COMMAND is an HTTP server that always listens on this port',
  },
  protocol: {
    type: 'string',
    value: 'mcp|http',
    description: 'http: COMMAND is an AgentCore agent that speaks no MCP (/invocations)',
  },
  env: {
    type: 'string',
    multiple: true,
    value: 'NAME=VALUE',
    description: 'a variable for COMMAND; repeatable',
  },
  // Node 20 takes it for its own as well, wherever it stands: the gateway has these variables, too.
  'env-file': {
    type: 'string',
    value: 'FILE',
    description: 'a file of NAME=VALUE lines for COMMAND',
  },
  'pass-env': {
    type: 'string',
    multiple: true,
    value: 'NAME',
    description: "a variable of this shell that COMMAND gets, too; 'AWS_*' for several; repeatable",
  },
  isolation: {
    type: 'string',
    value: 'process|sandbox',
    description: 'what stands between sessions (default process, which is no wall)',
  },
  network: {
    type: 'string',
    value: 'host|none|private',
    description: 'of a sandbox; private: each session has all ports to itself',
  },
} as const satisfies CommandOptions

export type ServerValues = Values<typeof serverOptions>

/** What the options say of the server, as keys of an entry in a file. @throws UsageError */
export function entryOf(values: ServerValues): Record<string, unknown> {
  const { http, protocol, isolation, network } = values
  const port = portValue('port', values.port, 1)
  const entry = {
    transport: http || port !== undefined ? 'http' : undefined,
    port,
    protocol: oneOf('protocol', protocol),
    env: values.env.length === 0 ? undefined : Object.fromEntries(values.env.map(variable)),
    envFile: values['env-file'],
    passEnv: values['pass-env'].length === 0 ? undefined : values['pass-env'].map(pattern),
    isolation: oneOf('isolation', isolation),
    network: oneOf('network', network),
  }
  if (network !== undefined && network !== 'host' && isolation !== 'sandbox') {
    throw new UsageError(`--network ${network} needs --isolation sandbox.`)
  }
  return Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined))
}

/** The option that was given though there is no command that it could be for. */
export function optionWithoutCommand(values: ServerValues): string | undefined {
  const given = Object.entries(values).find(
    ([name, value]) =>
      name in serverOptions && (Array.isArray(value) ? value.length > 0 : Boolean(value)),
  )
  return given && `--${given[0]}`
}

function oneOf(
  option: 'protocol' | 'isolation' | 'network',
  text: string | undefined,
): string | undefined {
  const words: string[] = serverOptions[option].value.split('|')
  if (text === undefined || words.includes(text)) return text
  throw new UsageError(`--${option} takes ${words.join(' or ')}, not ${text}.`)
}

/** The text may be a secret, and is never shown. */
function variable(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)]
  const isName = /^[A-Za-z_]\w*$/.test(text)
  throw new UsageError(
    isName
      ? `Write --env ${text}=VALUE, or --pass-env ${text} for the value that it has here.`
      : 'Write a variable as --env NAME=VALUE.',
  )
}

function pattern(text: string): string {
  if (/^[A-Za-z_]\w*\*?$/.test(text)) return text
  // What stands behind = may be a secret.
  const [, name] = /^([A-Za-z_]\w*)=/.exec(text) ?? []
  throw new UsageError(
    name === undefined
      ? "--pass-env takes the name of a variable, or its beginning with *: --pass-env 'AWS_*'."
      : `--pass-env takes a name alone: --pass-env ${name}. A value is given with --env ${name}=VALUE.`,
  )
}
