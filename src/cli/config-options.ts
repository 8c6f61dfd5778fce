import { homedir } from 'node:os'

import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import type { CommandOptions, Context, Values } from './command.ts'

/** The options of every command that reads a configuration. */
export const configOptions = {
  config: { type: 'string', short: 'c', value: 'FILE', description: 'the configuration file' },
  'state-dir': {
    type: 'string',
    value: 'DIR',
    description: 'where sessions, logs and the admin token are kept',
  },
} as const satisfies CommandOptions

type LoadOptions = Omit<Parameters<typeof loadConfig>[0], 'env' | 'homeDir' | 'cwd' | 'file'>

/** Loads what the options and the environment say. @throws GatewayError naming every mistake */
export function configOf(
  context: Pick<Context, 'env'>,
  values: Values<typeof configOptions>,
  { flags, ...options }: LoadOptions = {},
): Config {
  return loadConfig({
    ...options,
    ...(values.config === undefined ? {} : { file: values.config }),
    flags: { ...flags, stateDir: values['state-dir'] },
    env: context.env,
    cwd: process.cwd(),
    homeDir: homedir(),
  })
}
