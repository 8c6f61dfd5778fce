import { defineCommand } from '../command.ts'
import { noMore } from '../values.ts'

export const demo = defineCommand({
  name: 'demo',
  summary: 'Show in a quarter of a minute what Berth does',
  usage: '[options]',
  options: {
    interactive: {
      type: 'boolean',
      short: 'i',
      description: 'answer one guest’s questions yourself',
    },
  },
  details: [
    'Starts a gateway on a free port, plays two conversations with the trip planner at once, each',
    'on a worker of its own, and shows how they end. It needs nothing and leaves nothing behind.',
  ],
  async run({ positionals, values, stdin, stdout, env, signal }) {
    noMore(positionals, 0)
    const [{ runDemo }, { startPrivateGateway }] = await Promise.all([
      import('../../demo/run.ts'),
      import('../private-gateway.ts'),
    ])
    return runDemo({
      interactive: values.interactive,
      input: stdin,
      out: stdout,
      signal,
      startGateway: (config) => startPrivateGateway({ mcpServers: config.servers }, env),
    })
  },
})
