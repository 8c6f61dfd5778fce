import { GatewayError } from '../ground/errors.ts'
import { endpointPath } from '../ground/paths.ts'
import { writtenPath } from '../ground/request-target.ts'
import type { Protocol } from '../protocols/protocol.ts'
import type { Protocols } from '../protocols/protocols.ts'
import { serverProtocols } from '../protocols/protocols.ts'
import type { RuntimeQuery } from '../protocols/runtimes.ts'
import { createRuntimes } from '../protocols/runtimes.ts'
import type { Server } from '../sessions/server.ts'
import type { BodyLimit } from './bodies.ts'
import { isLoopback } from './guard.ts'
import type { Incoming } from './incoming.ts'
import type { Named } from './routes.ts'
import { isInvocation, isOfRuntimes } from './routes.ts'

/** What a request is for, by its path alone. */
export interface Destination {
  serverOf(request: Incoming): Server | undefined
  /** @param server that of the request, where that is known */
  protocolOf(request: Incoming, server?: Server): Protocol
  /** How long its body may be. */
  limitOf(request: Incoming): BodyLimit
  /** For a path at which there is no server. */
  nothingHere(request: Incoming): GatewayError
}

export interface DestinationOptions {
  servers: readonly Server[]
  bodyLimitBytes: number
  runtimes: { protocols: Protocols; bodyLimitBytes: number }
  /** Whether unknown names may be answered with the known ones. */
  listenHost: string
}

export function createDestination(options: DestinationOptions): Destination {
  const { servers, listenHost } = options
  const isBundle = (server: Server): boolean => server.isBundle === true
  const named = (some: readonly Server[]) => new Map(some.map((one) => [one.name, one]))
  const byName = named(servers.filter((server) => !isBundle(server)))
  const bundles = named(servers.filter(isBundle))
  const defaultServer = servers.find(({ isDefault }) => isDefault)
  const runtimes = createRuntimes(servers)

  function serverOf(request: Incoming): Server | undefined {
    if (request.is404) return undefined
    const { server: name, runtime, bundle } = request.params as Named
    if (runtime !== undefined) return runtimes.find(runtime, request.query as RuntimeQuery)
    if (bundle !== undefined) return bundles.get(bundle)
    return name === undefined ? defaultServer : byName.get(name)
  }

  /** To strangers it is not said what there is. */
  function hint(): string {
    const names = servers.map(endpointPath).join(', ')
    return isLoopback(listenHost) ? ` There are ${names}.` : ''
  }

  return {
    serverOf,

    protocolOf(request, server = serverOf(request)) {
      const { protocols } = options.runtimes
      if (isOfRuntimes(request)) {
        return server === undefined ? protocols.usual : protocols.of(server)
      }
      // Elsewhere the path says what is spoken, whatever the server speaks.
      if (isInvocation(request)) return serverProtocols.invocations
      return server?.mode === 'stateless' ? serverProtocols.of(server) : serverProtocols.usual
    },

    limitOf(request) {
      return isOfRuntimes(request) || isInvocation(request)
        ? { limitBytes: options.runtimes.bodyLimitBytes, key: 'agentcore.bodyLimit' }
        : { limitBytes: options.bodyLimitBytes, key: 'listen.bodyLimit' }
    },

    nothingHere(request) {
      const { server: name, runtime, bundle } = request.params as Named
      if (runtime !== undefined) return runtimes.missing(runtime, request.query as RuntimeQuery)
      if (isOfRuntimes(request)) {
        const operation = `${request.method} ${writtenPath(request)}`
        return new GatewayError('ERR_AGENTCORE_UNKNOWN_OPERATION', { params: { operation } })
      }
      if (bundle !== undefined) {
        return new GatewayError('ERR_PROXY_UNKNOWN_BUNDLE', {
          params: { bundle, hint: hint() },
        })
      }
      if (name !== undefined) {
        return new GatewayError('ERR_PROXY_UNKNOWN_SERVER', {
          params: { server: name, hint: hint() },
        })
      }
      return new GatewayError('ERR_PROXY_NOT_FOUND', { params: { hint: hint() } })
    },
  }
}
