import { startGateway } from '../../src/gateway.ts'
import { createLogger, logEvents } from '../../src/log.ts'
import { compiled, testConfig, testServer } from '../support/config.ts'

/** Berth with its defaults, logging to a file as a service does, with the bench's servers. */
const [stateDir = '', logFile = '/dev/null'] = process.argv.slice(2)
const worker = compiled('test/bench/worker.js')
const { createWriteStream } = await import('node:fs')
const gateway = await startGateway(
  testConfig(
    stateDir,
    [
      testServer('http', { command: ['node', worker], http: true }),
      testServer('stdio', { command: ['node', worker] }),
    ],
    { caps: { maxSessions: 5000 } },
  ),
)
const stream = createWriteStream(logFile)
logEvents(gateway.events, createLogger({ level: 'info', isPretty: false, stream }))
process.stdout.write(`${gateway.url}\n`)
process.on('SIGTERM', () => void gateway.close({ drainMs: 0 }).then(() => process.exit(0)))
