import { createInterface } from 'node:readline'

import type { RpcMessage } from '../../ground/jsonrpc.ts'
import { kindOf } from '../../ground/jsonrpc.ts'
import { createProbe } from './probe.ts'

/**
 * The isolation probe: an MCP server over stdio, or with `--http` on $PORT. The load test starts it
 * hundreds of times, so it is written without an SDK, with which it would take three times the time
 * and memory to start.
 */
const stop = (): void => process.exit(0)
process.once('SIGTERM', stop)
process.once('SIGINT', stop)

if (process.argv.includes('--http')) {
  const { serveProbeOverHttp } = await import('./http.ts')
  serveProbeOverHttp(Number(process.env['PORT'] ?? 0))
} else {
  serveOverStdio()
}

function serveOverStdio(): void {
  const say = (message: object): void => void process.stdout.write(`${JSON.stringify(message)}\n`)
  const probe = createProbe(say)
  const take = (line: string): void => {
    const message = JSON.parse(line) as RpcMessage
    const kind = kindOf(message)
    if (kind === 'response') probe.settle(message)
    if (kind === 'request') void probe.handle(message, say).then(say)
  }
  createInterface({ input: process.stdin }).on('line', take).once('close', stop)
}
