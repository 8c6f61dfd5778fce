import { createServer, request as send } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { TestContext } from 'node:test'

import type { DemoConfig, DemoGateway } from '../../src/demo/run.ts'
import { startHttp } from './support.ts'

interface Worker {
  url: URL
  kill(): Promise<void>
  open: number
  idle?: NodeJS.Timeout
}

/**
 * As much of a gateway as the demo needs, in front of real servers: with `isShared` one process
 * serves everybody, else there is one for each session, ended by DELETE or when it is idle.
 */
export function standIn(
  t: TestContext,
  isShared: boolean,
): { start: (config: DemoConfig) => Promise<DemoGateway>; closed: () => boolean } {
  let isClosed = false

  async function start(config: DemoConfig): Promise<DemoGateway> {
    const { lifecycleConfiguration } = config.servers['trip-planner']!
    const idleMs = lifecycleConfiguration.idleRuntimeSessionTimeout * 1000
    const newWorker = async (): Promise<Worker> => ({
      ...(await startHttp(t, 'trip-planner')),
      open: 0,
    })
    const shared = isShared ? await newWorker() : undefined
    const sessions = new Map<string, Worker>()

    const end = (id: string): void => {
      const worker = sessions.get(id)
      sessions.delete(id)
      clearTimeout(worker?.idle)
      if (worker && !shared) void worker.kill()
    }
    const server = createServer((request, response) => {
      const serve = async (): Promise<void> => {
        const known = request.headers['mcp-session-id'] as string | undefined
        const worker = known === undefined ? (shared ?? (await newWorker())) : sessions.get(known)
        if (request.url !== '/servers/trip-planner/mcp' || !worker) {
          response.writeHead(404).end()
          return
        }
        const body = await buffer(request)
        const isActivity = request.method === 'POST' && !body.includes('"ping"')
        if (isActivity) {
          worker.open += 1
          clearTimeout(worker.idle)
        }
        const answer = await forward(worker.url, request, body)
        const id = known ?? String(answer.headers['mcp-session-id'])
        if (known === undefined) sessions.set(id, worker)
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        response.flushHeaders()
        answer.pipe(response)
        answer.once('close', () => {
          response.end()
          if (request.method === 'DELETE') end(id)
          if (isActivity) worker.open -= 1
          if (isActivity && worker.open === 0)
            worker.idle = setTimeout(() => end(id), idleMs).unref()
        })
      }
      // A worker that was ended while it answered.
      serve().catch(() => response.destroy())
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const close = (): Promise<void> => {
      isClosed = true
      for (const id of [...sessions.keys()]) end(id)
      server.closeAllConnections()
      server.close()
      return Promise.resolve()
    }
    t.after(close)
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
  }
  return { start, closed: () => isClosed }
}

function forward(
  url: URL,
  { method, headers }: IncomingMessage,
  body: Buffer,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const forwarded = send(url, { method, headers }, resolve)
    forwarded.once('error', reject)
    forwarded.end(body)
  })
}
