import { homedir } from 'node:os'
import { join } from 'node:path'

import type { Target } from '../client/session.ts'
import { defaultStateDir, expandHome } from '../config/folders.ts'
import type { CommandOptions, Values } from './command.ts'
import { UsageError } from './command.ts'
import { headerValues, secondsValue, sessionValue, urlValue } from './values.ts'

/** The options of every command that talks to an MCP server. */
export const targetOptions = {
  header: {
    type: 'string',
    multiple: true,
    value: "'NAME: VALUE'",
    description: 'send this header with every request, for instance a login; repeatable',
  },
  timeout: {
    type: 'string',
    value: 'SECONDS',
    description: 'how long the server may be silent (default 300; 0: for ever)',
  },
  json: { type: 'boolean', description: 'print the result as JSON' },
  session: {
    type: 'string',
    value: 'ID',
    description:
      'the Mcp-Session-Id that --keep printed: go on with that session, and leave it open',
  },
} as const satisfies CommandOptions

/** @throws UsageError */
export function targetOf(
  url: string | undefined,
  values: Values<typeof targetOptions>,
  env: Environment,
): Target {
  const target = urlValue(url)
  if (/^\/(servers\/[^/]+\/)?invocations$/.test(target.pathname)) {
    throw new UsageError(
      `What is at ${target.pathname} speaks no MCP (protocol: http), so it has no tools, prompts or resources. Send it what it takes: curl -i ${target.href} -H 'Content-Type: application/json' -d '{"prompt": "hello"}'`,
    )
  }
  return {
    url: target,
    headers: headerValues(values.header),
    silenceMs: secondsValue('timeout', values.timeout, 300),
    session: sessionValue(values.session),
    keptIn: join(clientFolder(env), 'sessions'),
  }
}

/** What the commands that are clients keep for later: below the state directory. */
export function clientFolder(env: Environment): string {
  const given = env['BERTH_STATE_DIR']
  const stateDir =
    given === undefined
      ? defaultStateDir(env['XDG_STATE_HOME'], homedir())
      : expandHome(given, homedir())
  return join(stateDir, 'client')
}

type Environment = Readonly<Record<string, string | undefined>>
