import { statSync } from 'node:fs'
import { homedir } from 'node:os'

import type { Config } from '../config/config.ts'
import type { LoadInput } from '../config/load.ts'
import type { CommandOptions, Context, Values } from './command.ts'
import { UsageError } from './command.ts'
import type { serverOptions } from './server-options.ts'
import { entryOf, optionWithoutCommand } from './server-options.ts'

/** The options of every command that reads a configuration. */
export const configOptions = {
  config: { type: 'string', short: 'c', value: 'FILE', description: 'the configuration file' },
  'state-dir': {
    type: 'string',
    value: 'DIR',
    description: 'where Berth keeps sessions, logs and its admin token',
  },
} as const satisfies CommandOptions

/** Of the commands for which it matters what is at /mcp. */
export const bundleOption = {
  bundle: {
    type: 'boolean',
    description: 'all servers of the file as one MCP endpoint, at /bundles/all/mcp and /mcp',
  },
} as const satisfies CommandOptions

type LoadOptions = Omit<LoadInput, 'env' | 'homeDir' | 'cwd' | 'file'>

/** Loads what the options and the environment say. @throws GatewayError naming every mistake */
export async function configOf(
  context: Pick<Context, 'env'>,
  values: Values<typeof configOptions>,
  { flags, ...options }: LoadOptions = {},
): Promise<Config> {
  // Only now: the schemas take longer to load than most commands take to run.
  const { loadConfig } = await import('../config/load.ts')
  return loadConfig({
    ...options,
    ...(values.config === undefined ? {} : { file: values.config }),
    flags: { ...flags, stateDir: values['state-dir'] },
    env: context.env,
    cwd: process.cwd(),
    homeDir: homedir(),
  })
}

/** The same where a file or a command may be given: `serve FILE`, `serve -- COMMAND`. */
export async function configOfServers(
  name: string,
  { positionals, rest, env }: Pick<Context, 'positionals' | 'rest' | 'env'>,
  values: Values<typeof configOptions & typeof serverOptions>,
  flags: LoadOptions['flags'] = {},
): Promise<Config> {
  const config = fileOf(name, positionals, values.config)
  const stray = rest === undefined ? optionWithoutCommand(values) : undefined
  if (stray !== undefined) {
    throw new UsageError(
      `${stray} says how COMMAND is run: write that after --. A file says it for each of its servers.`,
    )
  }
  if (rest?.length === 0) throw new UsageError('There is no command after --.')
  if (rest !== undefined && config !== undefined) {
    throw new UsageError(`Give either a file (${config}) or a command after --, not both.`)
  }
  const entry = entryOf(values)
  const waysToGive = `a file (mcp-berth ${name} --config FILE) or a command (mcp-berth ${name} -- COMMAND)`
  return configOf({ env }, { ...values, config }, { command: rest, entry, flags, waysToGive })
}

/** `serve FILE` is as good as `--config FILE`; whatever else stands there is most likely a command. */
function fileOf(
  name: string,
  positionals: string[],
  config: string | undefined,
): string | undefined {
  const [file] = positionals
  if (file === undefined) return config
  const isOne = positionals.length === 1 && config === undefined
  if (isOne && isConfiguration(file)) return file
  const files = [...(config === undefined ? [] : [config]), ...positionals]
  if (files.length > 1 && positionals.every(isConfiguration)) {
    throw new UsageError(`${name} takes one file: ${files.join(' and ')} are ${files.length}.`)
  }
  const words = `mcp-berth ${name} -- ${[...runnerOf(file), ...positionals].join(' ')}`
  throw new UsageError(
    isOne
      ? `Write -- before a command (${words}); a file that does not end in .yaml, .yml or .json is given with --config.`
      : `Write -- before a command: ${words}`,
  )
}

/** The program that a script is started with. */
function runnerOf(script: string): string[] {
  if (script.endsWith('.py')) return ['python3']
  return /\.[cm]?js$/.test(script) ? ['node'] : []
}

const isConfiguration = (path: string): boolean =>
  /\.(ya?ml|jsonc?|toml)$/i.test(path) || isFolder(path)

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}
