import { defineCommand } from '../command.ts'
import { targetOf, targetOptions } from '../target.ts'
import { noMore } from '../values.ts'

export const tools = defineCommand({
  name: 'tools',
  summary: 'List the tools of a server, and their arguments',
  usage: 'URL [options]',
  options: targetOptions,
  details: ['example:', '  mcp-berth tools http://127.0.0.1:8080/servers/trip-planner/mcp'],
  async run({ positionals, values, stdin, stdout, stderr, env, asCalled, signal }) {
    const target = targetOf(positionals[0], values, env)
    noMore(positionals, 1)
    const { listTools } = await import('../../client/listing.ts')
    return listTools(target, values, { stdin, stdout, stderr, asCalled, signal })
  },
})
