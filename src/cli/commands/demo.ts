import { availableParallelism, loadavg } from 'node:os'

import { defineCommand } from '../command.ts'
import { noMore } from '../values.ts'

export const demo = defineCommand({
  name: 'demo',
  summary: 'Show in a quarter of a minute how Berth works',
  usage: '[options]',
  options: {
    interactive: {
      type: 'boolean',
      short: 'i',
      description: 'answer the questions of one of the two yourself',
    },
  },
  details: [
    'Starts a gateway on a free port. Two people plan a trip with the same server at the same time,',
    'each with a worker of their own, and you see how their sessions end. The demo needs nothing',
    'else, and leaves nothing behind.',
  ],
  async run({ positionals, values, stdin, stdout, env, asCalled, signal }) {
    noMore(positionals, 0)
    const [{ idleSecondsAt, runDemo }, { startPrivateGateway }] = await Promise.all([
      import('../../demo/run.ts'),
      import('../private-gateway.ts'),
    ])
    return runDemo({
      interactive: values.interactive,
      input: stdin,
      out: stdout,
      asCalled,
      idleSeconds: idleSecondsAt((loadavg()[0] ?? 0) / availableParallelism()),
      signal,
      startGateway: (config) => startPrivateGateway({ mcpServers: config.servers }, env),
    })
  },
})
