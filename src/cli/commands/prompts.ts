import { defineCommand, UsageError } from '../command.ts'
import { targetOf, targetOptions } from '../target.ts'
import { jsonObjectValue, noMore } from '../values.ts'

export const prompts = defineCommand({
  name: 'prompts',
  summary: 'List the prompts of a server, or get one',
  usage: 'URL [NAME] [options]',
  options: {
    args: { type: 'string', value: 'JSON', description: 'the arguments of the prompt' },
    ...targetOptions,
  },
  details: [
    'examples:',
    '  mcp-berth prompts http://127.0.0.1:8080/servers/expenses/mcp',
    `  mcp-berth prompts http://127.0.0.1:8080/servers/expenses/mcp budget_review --args '{"budget": "900"}'`,
  ],
  async run({ positionals, values, stdin, stdout, stderr, env, asCalled, signal }) {
    const [url, name] = positionals
    const target = targetOf(url, values, env)
    noMore(positionals, 2)
    const args = jsonObjectValue('args', values.args)
    if (name === undefined && values.args !== undefined) {
      throw new UsageError('--args goes with the name of a prompt.')
    }
    const { getPrompt, listPrompts } = await import('../../client/listing.ts')
    const io = { stdin, stdout, stderr, asCalled, signal }
    if (name === undefined) return listPrompts(target, values, io)
    return getPrompt(target, { name, args, json: values.json }, io)
  },
})
