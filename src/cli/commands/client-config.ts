import { clientConfig as entriesFor, clientKinds } from '../../config/client-config.ts'
import { writeJson } from '../../ground/terminal.ts'
import { defineCommand, UsageError } from '../command.ts'
import { configOf, configOptions } from '../config-options.ts'
import { writeLines } from '../output.ts'
import { ownUrl } from '../own-url.ts'
import { noMore } from '../values.ts'

const commandName = 'client-config'

export const clientConfig = defineCommand({
  name: commandName,
  summary: 'Print what to put into the configuration of an MCP client',
  usage: `${clientKinds.join(' | ')} [options]`,
  options: {
    ...configOptions,
    url: { type: 'string', value: 'URL', description: 'the address by which clients reach Berth' },
    json: { type: 'boolean', description: 'print the content of the file and nothing else' },
  },
  details: [
    'example: mcp-berth client-config cursor --json --config config/berth.yaml > .cursor/mcp.json',
  ],
  async run({ positionals, values, stdout, stderr, env, asCalled }) {
    const [client] = positionals
    noMore(positionals, 1)
    const kind = clientKinds.find((known) => known === client)
    if (kind === undefined) {
      throw new UsageError(`For which client? There are ${clientKinds.join(', ')}.`)
    }
    const { listen, servers, authorization, clientNotes } = await configOf({ env }, values, {
      waysToGive: `a file (mcp-berth ${commandName} --config FILE)`,
    })
    const baseUrl = ownUrl(listen, values.url)
    for (const note of clientNotes) writeLines(stderr, [asCalled(`note: ${note}`)])
    const others = servers.filter(({ protocol }) => protocol === 'http').map(({ name }) => name)
    if (others.length > 0) {
      writeLines(stderr, [`Left out, because they speak no MCP: ${others.join(', ')}`])
    }
    const closed = servers.filter(
      ({ name, protocol }) => protocol !== 'http' && authorization.servers[name] !== 'none',
    )
    if (closed.length > 0) {
      const names = closed.map(({ name }) => name).join(', ')
      writeLines(stderr, [
        `A client has to send a token with each request (Authorization: Bearer TOKEN) to: ${names}`,
      ])
    }
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
