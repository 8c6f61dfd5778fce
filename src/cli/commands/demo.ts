import { availableParallelism, loadavg } from 'node:os'

import { faultText } from '../../ground/guarded.ts'
import { installLastResort } from '../../ground/last-resort.ts'
import { defineCommand } from '../command.ts'
import { writeLines } from '../output.ts'
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
  async run({ positionals, values, stdin, stdout, stderr, env, asCalled, signal }) {
    noMore(positionals, 0)
    const [{ idleSecondsAt, runDemo }, { startPrivateGateway }] = await Promise.all([
      import('../../demo/run.ts'),
      import('../private-gateway.ts'),
    ])
    installLastResort(process, {
      now: Date.now,
      tell: (thrown) => writeLines(stderr, [`mcp-berth: ${faultText(thrown)}`]),
      giveUp(why) {
        writeLines(stderr, [`mcp-berth: ${why}`])
        process.exit(1)
      },
    })
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
