import { defineCommand } from '../command.ts'
import { targetOf, targetOptions } from '../target.ts'
import { noMore } from '../values.ts'

export const resources = defineCommand({
  name: 'resources',
  summary: 'List the resources of a server, or read one',
  usage: 'URL [URI] [options]',
  options: targetOptions,
  details: [
    'examples:',
    '  mcp-berth resources http://127.0.0.1:8080/servers/expenses/mcp',
    '  mcp-berth resources http://127.0.0.1:8080/servers/expenses/mcp expenses://ledger',
  ],
  async run({ positionals, values, stdin, stdout, stderr, env, asCalled, signal }) {
    const [url, uri] = positionals
    const target = targetOf(url, values, env)
    noMore(positionals, 2)
    const { listResources, readResource } = await import('../../client/listing.ts')
    const io = { stdin, stdout, stderr, asCalled, signal }
    if (uri === undefined) return listResources(target, values, io)
    return readResource(target, { uri, json: values.json }, io)
  },
})
