import type { TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'

/** How a server is reached: over stdio, over HTTP at once, or over HTTP with its keeper between. */
export const transports = ['stdio', 'http', 'relay'] as const
export type TransportName = (typeof transports)[number]

/** A demo server in every transport, by the name of the transport. */
export function demoServers(
  name: 'trip-planner' | 'expenses',
  options: TestServer = {},
): Record<TransportName, TestServer> {
  const file = compiled(`src/demo/${name}.js`)
  const env = { PATH: process.env['PATH'] ?? '', DEMO_STEP_MS: '20' }
  const overHttp: TestServer = { env, ...options, command: ['node', file, '--http'], http: true }
  return {
    stdio: { env, ...options, command: ['node', file] },
    http: overHttp,
    relay: { ...overHttp, relay: true },
  }
}
