import { once } from 'node:events'

import { takePassedSockets } from '../../ground/passed-sockets.ts'
import { isTerminal } from '../../ground/terminal.ts'
import { defineCommand } from '../command.ts'
import { configOfServers, configOptions, serverOptions } from '../config-options.ts'
import { writeLines } from '../output.ts'
import { banner, showOutput, stoppingLine } from '../serve-screen.ts'
import { checkTakeover, handedOverLine, takeoverLine } from '../takeover.ts'
import { portValue } from '../values.ts'

export const serve = defineCommand({
  name: 'serve',
  summary: 'Run the gateway',
  usage: '[FILE] [options]  or  serve [options] -- COMMAND [ARG ...]',
  takesRest: true,
  options: {
    ...configOptions,
    ...serverOptions,
    'listen-port': {
      type: 'string',
      value: 'PORT',
      description: 'where Berth listens (default 8080; 0: a free port)',
    },
    'admin-port': {
      type: 'string',
      value: 'PORT',
      description: 'where its admin API listens (default 8081; 0: a free port)',
    },
    host: {
      type: 'string',
      value: 'ADDRESS',
      description: 'address that Berth listens on (default 127.0.0.1)',
    },
    'allow-anonymous': {
      type: 'string',
      value: 'WHERE',
      description: 'loopback (default), or any-address',
    },
    takeover: {
      type: 'boolean',
      description: 'take over from the gateway that listens there already; see below',
    },
    'log-level': { type: 'string', value: 'LEVEL', description: 'debug, info, warn or error' },
    'log-json': { type: 'boolean', description: 'log JSON lines at a terminal too' },
  },
  details: [
    'Without FILE and COMMAND, the first of berth.yaml, berth.json, .mcp.json, mcp.json,',
    '.vscode/mcp.json and .cursor/mcp.json that is there is taken. Each server is at',
    '/servers/NAME/mcp; the only one is at /mcp as well. Agents with protocol: http are at',
    '/servers/NAME/invocations. Ctrl-C ends every worker, or, where store is redis, leaves',
    'them to the next gateway.',
    '',
    'With --takeover it gets ready beside the gateway of the same state directory and port, asks it',
    'to stop listening, and listens in its place; the old one answers what it has begun, and ends.',
    'Sessions go on, for which the store has to be redis. Sockets of a systemd .socket unit are',
    'listened on instead of --host, --listen-port and --admin-port.',
    '',
    'examples:',
    '  mcp-berth serve --config config/berth.yaml',
    '  mcp-berth serve -- python3 server.py',
    '  mcp-berth serve --http -- node server.js',
  ],
  async run({ positionals, values, rest, stdout, stderr, env, signal }) {
    const sockets = takePassedSockets(env)
    const configured = await configOfServers('serve', { positionals, rest, env }, values, {
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
    const [{ startGateway }, { createLogger, logEvents }] = await Promise.all([
      import('../../gateway.ts'),
      import('../../ground/log.ts'),
    ])
    const isPretty = config.log.pretty === 'auto' ? isTerminal(stdout) : config.log.pretty
    const gateway = await startGateway(config, {
      followsOutput: isPretty,
      sockets,
      takeover: values.takeover,
      onEvents: (events) => {
        logEvents(events, createLogger({ level: config.log.level, isPretty, stream: stdout }))
        if (isPretty) showOutput(events, stdout)
      },
    })
    writeLines(stderr, banner(config, gateway, { stderr, env }))
    if (values.takeover) writeLines(stderr, [takeoverLine(gateway.predecessor)])
    const stopped = signal.aborted ? undefined : once(signal, 'abort').then(() => undefined)
    const news = await Promise.race([stopped, gateway.handedOver])
    writeLines(stderr, [news === undefined ? stoppingLine(config) : handedOverLine(news)])
    await gateway.close()
    return 0
  },
})
