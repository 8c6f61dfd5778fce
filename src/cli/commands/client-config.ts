import { clientConfig as entriesFor, clientKinds } from '../../config/client-config.ts'
import { writeJson } from '../../terminal.ts'
import { defineCommand, UsageError } from '../command.ts'
import { configOf, configOptions } from '../config-options.ts'
import { writeLines } from '../output.ts'
import { ownUrl } from '../own-url.ts'
import { noMore } from '../values.ts'

export const clientConfig = defineCommand({
  name: 'client-config',
  summary: 'Print what an MCP client has to be told to use the configured servers',
  usage: `${clientKinds.join(' | ')} [options]`,
  options: {
    ...configOptions,
    url: { type: 'string', value: 'URL', description: 'where clients reach Berth' },
    json: { type: 'boolean', description: 'print only the content of the file' },
  },
  details: [
    'example: mcp-berth client-config cursor --json --config config/berth.yaml > .cursor/mcp.json',
  ],
  async run({ positionals, values, stdout, stderr, env }) {
    const [client] = positionals
    noMore(positionals, 1)
    const kind = clientKinds.find((known) => known === client)
    if (kind === undefined) {
      throw new UsageError(`For which client? There are ${clientKinds.join(', ')}.`)
    }
    const { listen, servers } = await configOf({ env }, values)
    const baseUrl = ownUrl(listen, values.url)
    const { commands, file } = entriesFor(kind, { baseUrl, servers })
    if (values.json) {
      if (file === undefined) throw new UsageError(`There is no such file for ${kind}.`)
      writeJson(stdout, file.content)
      return 0
    }
    if (commands.length > 0) writeLines(stdout, commands)
    if (file !== undefined) {
      // On stderr, so that the entries alone can be piped into the file.
      writeLines(stderr, [commands.length > 0 ? `or, as ${file.path}:` : `${file.path}:`])
      writeJson(stdout, file.content)
    }
    return 0
  },
})
