import { describeServer } from '../../config/describe.ts'
import { defineCommand } from '../command.ts'
import { configOf, configOptions } from '../config-options.ts'
import { styleFor, writeLines } from '../output.ts'
import { noMore } from '../values.ts'

export const check = defineCommand({
  name: 'check',
  summary: 'Say what is wrong with a configuration, or start each of its servers once',
  usage: '[FILE] [--start]',
  options: {
    ...configOptions,
    start: {
      type: 'boolean',
      description: 'start each server in turn, and list its tools (fills the npx and uvx caches)',
    },
  },
  details: ['exit codes: 0 all is well, 1 something is wrong'],
  async run({ positionals, values, stdout, stderr, env, signal }) {
    noMore(positionals, 1)
    const config = configOf({ env }, { ...values, config: positionals[0] ?? values.config })
    const { bold, yellow } = styleFor(stdout)
    const name = config.file ?? 'The configuration'
    writeLines(stdout, [`${bold(name)} is right: ${config.servers.length} server(s).`])
    for (const warning of config.warnings) writeLines(stderr, [yellow(`note: ${warning}`)])
    if (!values.start) {
      writeLines(stdout, config.servers.map(describeServer))
      return 0
    }
    const { tryServers } = await import('../trial.ts')
    return (await tryServers(config, { stdout, signal })) ? 0 : 1
  },
})
