import httpProxy from '@fastify/http-proxy'
import { fastify } from 'fastify'

/** A bare @fastify/http-proxy with no features, in front of the upstream that it is told. */
const app = fastify()
await app.register(httpProxy, { upstream: process.argv[2] ?? '' })
await app.listen({ host: '127.0.0.1', port: 0 })
const [address] = app.addresses()
process.stdout.write(`http://127.0.0.1:${typeof address === 'object' ? address.port : 0}\n`)
