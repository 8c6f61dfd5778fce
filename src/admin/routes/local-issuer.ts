import type { FastifyInstance } from 'fastify'

import {
  discoveryPath,
  keysPath,
  localDiscovery,
  localIssuerPath,
  readLocalIssuer,
} from '../../auth/local-issuer.ts'
import { GatewayError } from '../../ground/errors.ts'
import { adminReply, asGatewayError } from '../../ground/replies.ts'
import { hostsOf } from '../../ground/request-target.ts'

export interface LocalIssuerOptions {
  stateDir: string
  /** @throws ERR_PROXY_HOST, ERR_PROXY_ORIGIN */
  check(host: string | undefined, origin: string | undefined): void
}

/**
 * What the local issuer publishes, for programs that verify its tokens themselves. It needs no
 * admin token, and is on the admin listener because that one is never anywhere but on loopback,
 * not even through a reverse proxy, of which the public listener sees a loopback address as well.
 */
export async function localIssuerRoutes(
  app: FastifyInstance,
  { stateDir, check }: LocalIssuerOptions,
): Promise<void> {
  app.setErrorHandler((thrown, request, reply) => {
    const answer = adminReply(thrown, { requestId: request.id })
    void reply.code(answer.statusCode).headers(answer.headers).send(answer.body)
  })
  app.addHook('onRequest', (request, _reply, done) => {
    try {
      for (const host of hostsOf(request)) check(host, request.headers.origin)
      done()
    } catch (thrown) {
      done(asGatewayError(thrown))
    }
  })
  app.get(`${localIssuerPath}${discoveryPath}`, () => localDiscovery(local()))
  app.get(`${localIssuerPath}${keysPath}`, () => local().published.keys)
  await Promise.resolve()

  function local() {
    const issuer = readLocalIssuer(stateDir)
    if (issuer === undefined) throw new GatewayError('ERR_ADMIN_NOT_FOUND')
    return issuer
  }
}
