import { describeServer } from '../../config/describe.ts'
import { isProgram } from '../../config/environment.ts'
import type { Config } from '../../config/config.ts'
import { defineCommand } from '../command.ts'
import { configOfServers, configOptions } from '../config-options.ts'
import { styleFor, writeLines } from '../output.ts'
import { serverOptions } from '../server-options.ts'
import { authorizerLines } from '../serve-screen.ts'

export const check = defineCommand({
  name: 'check',
  summary: 'Check a configuration, and on request start each of its servers once',
  usage: '[FILE] [options]  or  check [options] -- COMMAND [ARG ...]',
  takesRest: true,
  options: {
    start: {
      type: 'boolean',
      description:
        'also start each server and list its tools (this fills the caches of npx and uvx)',
    },
    ...configOptions,
    ...serverOptions,
  },
  details: [
    'FILE and COMMAND are the same as for mcp-berth serve.',
    '',
    'examples:',
    '  mcp-berth check .vscode/mcp.json',
    '  mcp-berth check --start -- python3 server.py',
    '',
    'exit codes: 0 all is well, 1 something is wrong, 2 wrong usage',
  ],
  async run({ positionals, rest, values, stdout, stderr, env, asCalled, signal }) {
    const config = await configOfServers('check', { positionals, rest, env }, values)
    const { bold, red, yellow } = styleFor(stdout)
    const name = config.file ?? 'The command line'
    const { length: count } = config.servers
    const { adviceForMissing, findAllMissing } = await import('../../gateway.ts')
    const missing = await findAllMissing(config.servers, config.searchPath)
    const isWhole = missing.length === 0 && canStart(config)
    const verdict = isWhole ? 'is right' : 'cannot be served as it is on this machine'
    writeLines(stdout, [
      `${bold(name)} ${verdict}: ${count} ${count === 1 ? 'server' : 'servers'}.`,
    ])
    for (const warning of config.warnings) {
      writeLines(stderr, [yellow(`note: ${asCalled(warning)}`)])
    }
    if (!values.start) {
      writeLines(stdout, [
        ...config.servers.map(describeServer),
        ...authorizerLines(config.authorization.servers),
      ])
    }
    if (missing.length > 0) {
      writeLines(stderr, [...missing.map(red), adviceForMissing].map(asCalled))
      return 1
    }
    if (!values.start) return isWhole ? 0 : 1
    const { tryServers } = await import('../trial.ts')
    const typed = { values: { ...values, start: false }, rest }
    return (await tryServers(config, { stdout, asCalled, signal, typed })) ? 0 : 1
  },
})

/**
 * Whether anything can be: of a command line nothing is left without its program, and of a file the
 * other servers are, or it is for another machine. What is missing is named in a warning.
 */
function canStart({ file, servers }: Config): boolean {
  const hasProgram = ({ launch, env }: Config['servers'][number]): boolean =>
    launch.kind !== 'local' || isProgram(launch.command, env.PATH)
  return file !== undefined || servers.every(hasProgram)
}
