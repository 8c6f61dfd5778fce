import { clientConfig as entriesFor, clientKinds } from '../../config/client-config.ts'
import { didYouMean } from '../../config/problems.ts'
import { writeJson } from '../../ground/terminal.ts'
import { defineCommand, UsageError } from '../command.ts'
import { bundleOption, configOfServers, configOptions } from '../config-options.ts'
import { writeLines } from '../output.ts'
import { ownUrl } from '../own-url.ts'
import { serverOptions } from '../server-options.ts'
import { noMore } from '../values.ts'

const commandName = 'client-config'

const inVariable =
  'The client takes the API key from the variable BERTH_API_KEY; mcp-berth keys add NAME makes one.'

/** Where each client gets the key from: it is in no file in plain. */
const whereKey: Readonly<Record<(typeof clientKinds)[number], string>> = {
  'claude-code': inVariable,
  cursor: inVariable,
  inspector: inVariable,
  vscode: 'VS Code asks for the API key once; mcp-berth keys add NAME makes one.',
}

export const clientConfig = defineCommand({
  name: commandName,
  summary: 'Print what to put into the configuration of an MCP client',
  usage: 'CLIENT [options]  or  client-config CLIENT [options] -- COMMAND [ARG ...]',
  takesRest: true,
  options: {
    ...configOptions,
    ...bundleOption,
    ...serverOptions,
    url: { type: 'string', value: 'URL', description: 'the address by which clients reach Berth' },
    json: { type: 'boolean', description: 'print the content of the file and nothing else' },
  },
  details: [
    `CLIENT is ${clientKinds.join(', ')}. COMMAND is the same as for mcp-berth serve.`,
    '',
    'example: mcp-berth client-config cursor --json --config config/berth.yaml > .cursor/mcp.json',
  ],
  async run({ positionals, rest, values, stdout, stderr, env, asCalled }) {
    const [client] = positionals
    noMore(positionals, 1)
    const kind = clientKinds.find((known) => known === client)
    if (kind === undefined) {
      const meant = client === undefined ? '' : didYouMean(client, clientKinds)
      throw new UsageError(`For which client? There are ${clientKinds.join(', ')}.${meant}`)
    }
    const {
      listen,
      servers: all,
      bundles,
      authorization,
      clientNotes,
    } = await configOfServers(`${commandName} ${kind}`, { positionals: [], rest, env }, values, {
      bundle: values.bundle,
    })
    // What is in a bundle is found there.
    const bundled = new Set(bundles.flatMap(({ members }) => members.map(({ server }) => server)))
    const servers = all.filter(({ name }) => !bundled.has(name))
    const baseUrl = ownUrl(listen, values.url)
    for (const note of clientNotes) writeLines(stderr, [asCalled(`note: ${note}`)])
    const others = servers.filter(({ protocol }) => protocol === 'http').map(({ name }) => name)
    if (others.length > 0) {
      writeLines(stderr, [`Left out, because they speak no MCP: ${others.join(', ')}`])
    }
    const takesKey = (name: string): boolean => {
      const setting = authorization.servers[name]
      return typeof setting === 'object' && setting.apiKeys !== undefined
    }
    const spoken = servers.filter(({ protocol }) => protocol !== 'http')
    const isWith = spoken.some(({ name }) => takesKey(name))
    if (isWith) writeLines(stderr, [asCalled(whereKey[kind])])
    const closed = spoken.filter(
      ({ name }) => authorization.servers[name] !== 'none' && !takesKey(name),
    )
    if (closed.length > 0) {
      const names = closed.map(({ name }) => name).join(', ')
      writeLines(stderr, [
        `A client has to send a token with each request (Authorization: Bearer TOKEN) to: ${names}`,
      ])
    }
    const { commands, file } = entriesFor(kind, { baseUrl, servers, takesKey })
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
