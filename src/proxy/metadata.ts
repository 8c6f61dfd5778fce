import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

import type { Login } from '../auth/check.ts'
import { metadataOf, wellKnown } from '../auth/metadata.ts'
import type { Authorizers } from '../auth/setup.ts'
import { GatewayError } from '../ground/errors.ts'
import { protocolPaths, shortPath } from '../ground/paths.ts'
import { asGatewayError, rpcReply } from '../ground/replies.ts'
import { hostsOf, segmentsOf, writtenPath } from '../ground/request-target.ts'
import type { Server } from '../sessions/server.ts'
import type { Guard } from './guard.ts'

export interface MetadataOptions {
  authorizers: Authorizers
  guard: Guard
  servers: readonly Pick<Server, 'name' | 'isDefault' | 'protocol' | 'isBundle'>[]
  resource: 'server' | 'gateway'
  /** The server behind an id or ARN of `/runtimes/…`, if there is one. */
  serverOfRuntime(runtime: string): string | undefined
  /** Path of `listen.publicUrl`, which a reverse proxy may leave on: `/base`, mostly empty. */
  basePath: string
}

/** Public and the same for everybody, so that any page may read it. */
const cors = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET, OPTIONS',
  'access-control-allow-headers': '*',
  'access-control-max-age': '600',
}

/** Serves the protected resource metadata of every endpoint, without a token. */
export async function metadataPlugin(
  app: FastifyInstance,
  options: MetadataOptions,
): Promise<void> {
  const { authorizers, guard, resource, basePath } = options
  const byName = new Map(options.servers.map((server) => [server.name, server]))
  const defaultServer = options.servers.find(({ isDefault }) => isDefault)

  app.setErrorHandler((thrown, request, reply) => {
    const answer = rpcReply(asGatewayError(thrown), { requestId: request.id })
    void reply
      .code(answer.statusCode)
      .headers({ ...answer.headers, ...cors })
      .send(answer.body)
  })
  app.addHook('onRequest', (request, _reply, done) => {
    try {
      for (const host of hostsOf(request)) guard.check(host, undefined)
      done()
    } catch (thrown) {
      done(asGatewayError(thrown))
    }
  })

  serve(wellKnown, () => '')
  serve(`${wellKnown}/*`, (request) => {
    const path = below(writtenPath(request), depth)
    return path.startsWith(`${basePath}/`) ? path.slice(basePath.length) : path
  })
  // AgentCore's form, below the endpoint, and with its query.
  serve(`/runtimes/:runtime/invocations${wellKnown}`, (request) => {
    const { qualifier } = request.query as { qualifier?: unknown }
    const path = above(writtenPath(request), depth)
    return typeof qualifier === 'string' && /^\w+$/.test(qualifier)
      ? `${path}?qualifier=${qualifier}`
      : path
  })
  await Promise.resolve()

  function serve(route: string, endpointOf: (request: FastifyRequest) => string): void {
    app.options(route, (_request, reply) => reply.code(204).headers(cors).send())
    app.get(route, async (request, reply: FastifyReply) => {
      const { path, login } = protectedAt(endpointOf(request))
      const endpoint = { base: guard.baseFor(request.headers.host), path }
      const document = await metadataOf(endpoint, login, resource)
      return reply.headers({ ...cors, 'cache-control': 'max-age=60' }).send(document)
    })
  }

  /** @throws ERR_AUTH_NO_METADATA */
  function protectedAt(path: string): { path: string; login: Login } {
    const name = namedIn(path)
    if (path !== '' && (name === undefined || !byName.has(name))) {
      throw new GatewayError('ERR_AUTH_NO_METADATA')
    }
    const { login } = authorizers.of(name)
    if (login !== undefined) return { path, login }
    // At the root: what is not protected as a whole may have one server that is.
    if (path === '' && defaultServer !== undefined) return protectedAt(shortPath(defaultServer))
    throw new GatewayError('ERR_AUTH_NO_METADATA')
  }

  /** By the names that the path has once it is decoded: that is how it would be routed. */
  function namedIn(path: string): string | undefined {
    const [first = '', second, third, ...more] = segmentsOf(path.replace(/\?.*$/s, '')) ?? []
    if (second === undefined) return endpoints.has(first) ? defaultServer?.name : undefined
    if (third === undefined || !endpoints.has(third) || more.length > 0) return undefined
    if (first === 'runtimes' && third === 'invocations') return options.serverOfRuntime(second)
    const isBundle = byName.get(second)?.isBundle === true
    return first === (isBundle ? 'bundles' : 'servers') ? second : undefined
  }
}

const endpoints = new Set(Object.values(protocolPaths).map((path) => path.slice(1)))

/** How many names there are in the path of the metadata, however a client writes them. */
const depth = wellKnown.split('/').length - 1

const below = (path: string, names: number): string =>
  `/${path
    .split('/')
    .slice(1 + names)
    .join('/')}`
const above = (path: string, names: number): string => path.split('/').slice(0, -names).join('/')
