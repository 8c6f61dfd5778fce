import { invocationUrl } from '../../config/runtime-arn.ts'
import { writeJson } from '../../ground/terminal.ts'
import { defineCommand } from '../command.ts'
import { configOfServers, configOptions } from '../config-options.ts'
import { styleFor, writeLines } from '../output.ts'
import { ownUrl } from '../own-url.ts'
import { serverOptions } from '../server-options.ts'

export const runtimes = defineCommand({
  name: 'runtimes',
  summary: 'Print the ARN and URL of each server, for clients of Amazon Bedrock AgentCore',
  usage: '[FILE] [options]  or  runtimes [options] -- COMMAND [ARG ...]',
  takesRest: true,
  options: {
    ...configOptions,
    ...serverOptions,
    url: { type: 'string', value: 'URL', description: 'the address by which clients reach Berth' },
    json: { type: 'boolean', description: 'print everything as JSON' },
  },
  details: [
    'FILE and COMMAND are the same as for mcp-berth serve. AWS SDKs find Berth if',
    'AWS_ENDPOINT_URL_BEDROCK_AGENTCORE is its address. They need an access key and a secret key to',
    'sign with; any will do.',
    '',
    'example: mcp-berth runtimes --json --config config/berth.yaml',
  ],
  async run({ positionals, rest, values, stdout, env }) {
    const config = await configOfServers('runtimes', { positionals, rest, env }, values)
    const base = ownUrl(config.listen, values.url)
    const all = config.servers.map(({ name, protocol, runtimeArn: arn }) => ({
      name,
      protocol,
      agentRuntimeArn: arn,
      invocationUrl: invocationUrl(base, arn),
    }))
    if (values.json) {
      writeJson(stdout, { endpoint: base, runtimes: all })
      return 0
    }
    const { bold } = styleFor(stdout)
    writeLines(stdout, [
      `AWS_ENDPOINT_URL_BEDROCK_AGENTCORE=${base}`,
      ...all.flatMap((runtime) => [
        '',
        bold(runtime.name),
        `  ${runtime.agentRuntimeArn}`,
        `  ${runtime.invocationUrl}`,
      ]),
    ])
    return 0
  },
})
