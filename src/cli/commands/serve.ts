import { once } from 'node:events'

import { faultNews } from '../../ground/events.ts'
import { installLastResort } from '../../ground/last-resort.ts'
import { takePassedSockets } from '../../ground/passed-sockets.ts'
import { isTerminal } from '../../ground/terminal.ts'
import { defineCommand } from '../command.ts'
import { bundleOption, configOfServers, configOptions } from '../config-options.ts'
import { writeLines } from '../output.ts'
import { banner, showOutput, stoppingLine } from '../serve-screen.ts'
import { serverOptions } from '../server-options.ts'
import { checkTakeover, handedOverLine, takeoverLine } from '../takeover.ts'
import { portValue } from '../values.ts'

export const serve = defineCommand({
  name: 'serve',
  summary: 'Run the gateway',
  usage: '[FILE] [options]  or  serve [options] -- COMMAND [ARG ...]',
  takesRest: true,
  servesOthers: true,
  options: {
    ...configOptions,
    ...bundleOption,
    ...serverOptions,
    'listen-port': {
      type: 'string',
      value: 'PORT',
      description: 'port of Berth (default 8080; 0: any free port)',
    },
    'admin-port': {
      type: 'string',
      value: 'PORT',
      description: 'port of its admin API (default 8081; 0: any free port)',
    },
    host: {
      type: 'string',
      value: 'ADDRESS',
      description: 'address that Berth listens on (default 127.0.0.1)',
    },
    'allow-anonymous': {
      type: 'string',
      value: 'WHERE',
      description: 'who needs no token: loopback (default: this machine) or any-address',
    },
    takeover: {
      type: 'boolean',
      description: 'take the place of the gateway that listens there already (see below)',
    },
    'log-level': { type: 'string', value: 'LEVEL', description: 'debug, info, warn or error' },
    'log-json': { type: 'boolean', description: 'log as JSON, at a terminal too' },
  },
  details: [
    'Without FILE and COMMAND, serve reads the first of these files that exists: berth.yaml, berth.yml,',
    'berth.json, .mcp.json, mcp.json, .vscode/mcp.json, .cursor/mcp.json.',
    '',
    'Each server is at /servers/NAME/mcp. If there is only one, it is at /mcp as well. Agents with',
    'protocol: http are at /servers/NAME/invocations.',
    '',
    'Bundles, several servers as one, are at /bundles/NAME/mcp; --bundle makes one of all servers.',
    '',
    'Ctrl-C ends every worker. Where the store is redis, the workers stay for the next gateway.',
    '',
    '--takeover starts beside the gateway that has the same state directory and port. When it is',
    'ready, the old gateway stops listening and the new one listens in its place. The old one answers',
    'what it has begun, and exits. Sessions go on; for that the store has to be redis.',
    '',
    'If systemd passes sockets (a .socket unit), Berth listens on those, and --host, --listen-port',
    'and --admin-port do not count.',
    '',
    'COMMAND gets PATH, HOME and the like of this shell, and what --pass-env, --env-file and --env name;',
    'later ones win. What stands in --env is seen in lists of processes: give secrets in the other two.',
    '',
    'examples:',
    '  mcp-berth serve --config config/berth.yaml',
    '  mcp-berth serve --pass-env OPENAI_API_KEY -- python3 server.py',
    '  mcp-berth serve --http -- node server.js',
    '  mcp-berth serve --port 8000 --isolation sandbox --network private -- python3 agentcore_server.py',
  ],
  async run({ positionals, values, rest, stdout, stderr, env, asCalled, signal }) {
    const sockets = takePassedSockets(env)
    const configured = await configOfServers('serve', { positionals, rest, env }, values, {
      bundle: values.bundle,
      host: values.host,
      listenPort: portValue('listen-port', values['listen-port'], 0),
      adminPort: portValue('admin-port', values['admin-port'], 0),
      allowAnonymous: values['allow-anonymous'],
      logLevel: values['log-level'],
      logPretty: values['log-json'] ? false : undefined,
    })
    const { withPassedSockets } = await import('../../config/passed.ts')
    const config = withPassedSockets(configured, sockets)
    if (values.takeover) checkTakeover(config)
    const [{ startGateway }, { createLogger, logEvents }, { ownPortAdvice, ownPortNotes }] =
      await Promise.all([
        import('../../gateway.ts'),
        import('../../ground/log.ts'),
        import('../own-port.ts'),
      ])
    const typed = { values, rest }
    const said = new Set<string>()
    const sayOnce = (lines: string[]): void => {
      const isNew = lines.length > 0 && !said.has(lines.join())
      said.add(lines.join())
      if (isNew) writeLines(stderr, [...lines.map(asCalled), ''])
    }
    const isPretty = config.log.pretty === 'auto' ? isTerminal(stdout) : config.log.pretty
    const gateway = await startGateway(config, {
      followsOutput: isPretty,
      sockets,
      takeover: values.takeover,
      onEvents: (events) => {
        installLastResort(process, {
          now: Date.now,
          tell: (thrown, where) =>
            events.emit('fault.caught', faultNews('uncaught', { where, thrown })),
          giveUp(why) {
            writeLines(stderr, [`mcp-berth: ${why}`])
            process.exit(1)
          },
        })
        if (isPretty) showOutput(events, stdout)
        const logger = createLogger({
          level: config.log.level,
          isPretty,
          stream: stdout,
          reworded: asCalled,
        })
        logEvents(events, logger, { isOutputShown: isPretty })
        events.on('session.closed', (news) => {
          // Without it there is the error, which says the same in general.
          ownPortAdvice(config, news, typed).then(sayOnce, () => undefined)
        })
      },
    })
    writeLines(stderr, banner(config, gateway, { stderr, env, asCalled }))
    if (values.takeover) writeLines(stderr, [takeoverLine(gateway.predecessor)])
    sayOnce(await ownPortNotes(config, typed))
    const stopped = signal.aborted ? undefined : once(signal, 'abort').then(() => undefined)
    const news = await Promise.race([stopped, gateway.handedOver])
    writeLines(stderr, [news === undefined ? stoppingLine(config) : handedOverLine(news)])
    await gateway.close()
    return 0
  },
})
