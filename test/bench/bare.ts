import httpProxy from '@fastify/http-proxy'
import { fastify } from 'fastify'

/**
 * A bare @fastify/http-proxy with no features, in front of the one upstream that it is told.
 * Without undici's timers, which would cut a call that takes long, and cost what Berth does not pay.
 */
const app = fastify()
await app.register(httpProxy, {
  upstream: process.argv[2] ?? '',
  undici: { headersTimeout: 0, bodyTimeout: 0 },
})
await app.listen({ host: '127.0.0.1', port: 0 })
const [address] = app.addresses()
process.stdout.write(`http://127.0.0.1:${typeof address === 'object' ? address.port : 0}\n`)
