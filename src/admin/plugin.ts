import type { FastifyInstance } from 'fastify'

import type { AdminToken } from '../auth/admin-token.ts'
import { GatewayError } from '../ground/errors.ts'
import { adminReply, asGatewayError } from '../ground/replies.ts'
import { hostsOf } from '../ground/request-target.ts'
import type { HandoverRoutesOptions } from './routes/handover.ts'
import { handoverRoutes } from './routes/handover.ts'
import type { SessionRoutesOptions } from './routes/sessions.ts'
import { sessionRoutes } from './routes/sessions.ts'
import { warmRoutes } from './routes/warm.ts'
import { validatePlainly } from './validation.ts'

export interface AdminOptions extends SessionRoutesOptions, HandoverRoutesOptions {
  token: AdminToken
  /** @throws ERR_PROXY_HOST, ERR_PROXY_ORIGIN */
  check(host: string | undefined, origin: string | undefined): void
  /** The text of `/metrics` and its content type. */
  metrics(): Promise<{ type: string; text: string }>
}

/** The admin listener: shows and commands, and holds no state of its own. */
export async function adminPlugin(app: FastifyInstance, options: AdminOptions): Promise<void> {
  validatePlainly(app)
  app.setErrorHandler((thrown, request, reply) => {
    const answer = adminReply(thrown, { requestId: request.id })
    void reply.code(answer.statusCode).headers(answer.headers).send(answer.body)
  })
  app.setNotFoundHandler(() => {
    throw new GatewayError('ERR_ADMIN_NOT_FOUND')
  })
  app.addHook('onRequest', (request, _reply, done) => {
    try {
      for (const host of hostsOf(request)) options.check(host, request.headers.origin)
      options.token.check(request.headers.authorization)
      done()
    } catch (thrown) {
      done(asGatewayError(thrown))
    }
  })
  app.get('/metrics', async (_request, reply) => {
    const { type, text } = await options.metrics()
    return reply.type(type).send(text)
  })
  await app.register(sessionRoutes, { ...options, prefix: '/api' })
  await app.register(warmRoutes, { sessions: options.sessions, prefix: '/api' })
  await app.register(handoverRoutes, { ...options, prefix: '/api' })
}
