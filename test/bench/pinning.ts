import httpProxy from '@fastify/http-proxy'
import { fastify } from 'fastify'

/**
 * The rival: the least that does what Berth does for a session. Each `initialize` takes the next of
 * the workers that it is told, and the session id of its answer is pinned to that worker. No
 * limits, no owner, no idle time, no counting, no log; undici's timers off, as in `bare.ts`.
 */
declare module 'fastify' {
  interface FastifyRequest {
    worker: string
  }
}

const free = process.argv.slice(2)
const pinned = new Map<string, string>()
const app = fastify()
app.decorateRequest('worker', '')
await app.register(httpProxy, {
  upstream: '',
  undici: { headersTimeout: 0, bodyTimeout: 0 },
  preHandler(request, reply, done) {
    const id = request.headers['mcp-session-id']
    const worker = typeof id === 'string' ? pinned.get(id) : free.shift()
    if (worker === undefined) {
      reply.code(id === undefined ? 503 : 404).send({ error: 'no such session, or no worker' })
      return
    }
    request.worker = worker
    done()
  },
  replyOptions: {
    getUpstream: (request) => request.worker,
    onResponse(request, reply, response) {
      const id = reply.getHeader('mcp-session-id')
      if (typeof id === 'string') {
        if (request.method === 'DELETE') pinned.delete(id)
        else if (!pinned.has(id)) pinned.set(id, request.worker)
      }
      reply.send(response.stream)
    },
  },
})
await app.listen({ host: '127.0.0.1', port: 0 })
const [address] = app.addresses()
process.stdout.write(`http://127.0.0.1:${typeof address === 'object' ? address.port : 0}\n`)
