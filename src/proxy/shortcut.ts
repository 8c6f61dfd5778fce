import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'

import type { Authorizers } from '../auth/setup.ts'
import type { OnFault } from '../ground/guarded.ts'
import { guarded, inBackground } from '../ground/guarded.ts'
import { endpointPath, shortPath } from '../ground/paths.ts'
import { exactTarget, hasTwoHosts, hostsOf } from '../ground/request-target.ts'
import type { Server } from '../sessions/server.ts'
import type { Asking } from './ask.ts'
import type { Bodies } from './bodies.ts'
import { freeBytes } from './bodies.ts'
import type { Destination } from './destination.ts'
import type { Guard } from './guard.ts'
import type { Incoming, Outgoing } from './incoming.ts'
import type { Named } from './routes.ts'
import type { Serve } from './serve.ts'
import type { Telling } from './telling.ts'

/**
 * The way past the router, for what most requests are: a message of a session that is known here, of
 * a client that was let in a moment ago, written as clients write it. It is asked first.
 *
 * @returns false for every other request, and for each that any check refuses. Nothing was done with
 *   it then, and no byte of its body read: the router takes it, and tells what is wrong with it.
 */
export type Shortcut = (
  raw: IncomingMessage,
  response: ServerResponse,
  nextId: () => string,
) => boolean

export interface ShortcutOptions {
  servers: readonly Server[]
  authorizers: Authorizers
  guard: Guard
  destination: Destination
  asking: Asking
  bodies: Bodies
  serve: Serve
  sendError: Telling['sendError']
  onFault: OnFault
}

/** As clients write it; however else it can be written, the router reads. */
const jsonTypes = new Set<string | undefined>([
  'application/json',
  'application/json; charset=utf-8',
  'application/json;charset=utf-8',
])

export function createShortcut(options: ShortcutOptions): Shortcut {
  const { guard, destination, asking, bodies, serve, sendError, onFault } = options
  const places = placesOf(options.servers)

  /** @throws what the router will tell the client */
  function take(raw: IncomingMessage): Taken | undefined {
    const url = exactTarget(raw)
    const place = places.get(url)
    if (place === undefined || hasTwoHosts(raw)) return undefined
    const request = new Taken(raw, url, place.params)
    const isPlain =
      request.method === 'GET'
        ? !mayHaveBody(raw)
        : request.method === 'POST' && isShortJson(request)
    if (!isPlain) return undefined
    for (const host of hostsOf(request)) guard.check(host, raw.headers.origin)
    const { server } = place
    const caller = options.authorizers.of(server.name).recall(raw)
    if (caller === undefined) return undefined
    const protocol = destination.protocolOf(request, server)
    return asking.askKnown(request, { protocol, server, caller }) ? request : undefined
  }

  function takenUnlessRefused(raw: IncomingMessage): Taken | undefined {
    try {
      return take(raw)
    } catch {
      return undefined
    }
  }

  function answer(request: Incoming, reply: Outgoing): void {
    const fail = (thrown: unknown): void => sendError(request, reply, thrown)
    try {
      const served = serve(request, reply)
      if (served !== undefined) inBackground(served.then(undefined, fail), gone(reply))
    } catch (thrown) {
      fail(thrown)
    }
  }

  /** For a fault that can be told to nobody but the log. */
  const gone = ({ raw }: Outgoing): OnFault => {
    return (thrown) => {
      onFault(thrown)
      raw.destroy()
    }
  }

  return function shortcut(raw, response, nextId) {
    const incoming = takenUnlessRefused(raw)
    if (incoming === undefined) return false
    incoming.id = nextId()
    const reply = outgoingOf(response)
    const onBody = guarded((error: Error | null, body?: Buffer) => {
      if (error !== null) {
        sendError(incoming, reply, error)
        return
      }
      incoming.body = body
      answer(incoming, reply)
    }, gone(reply))
    if (raw.method === 'GET') onBody(null)
    else bodies.read(incoming, raw, destination.limitOf(incoming), onBody)
    return true
  }

  /** A message whose length is known, and so short that nothing is charged for it. */
  function isShortJson(request: Incoming): boolean {
    const { headers } = request
    if (headers['transfer-encoding'] !== undefined) return false
    const length = Number(headers['content-length'])
    const most = Math.min(freeBytes, destination.limitOf(request).limitBytes)
    return length > 0 && length <= most && jsonTypes.has(headers['content-type'])
  }
}

const mayHaveBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || headers['content-length'] !== undefined

interface Place {
  server: Server
  params: Named
}

/** By what stands in the request line, letter for letter. */
function placesOf(servers: readonly Server[]): ReadonlyMap<string, Place> {
  const places = new Map<string, Place>()
  for (const server of servers) {
    const { name, credentials, mode, protocol } = server
    // What clients bring for templates is taken out of their headers, and each of their requests may
    // open a session of what keeps none.
    const isUsual = (credentials?.clientHeaders ?? []).length === 0 && mode !== 'stateless'
    if (protocol !== 'mcp' || !isUsual) continue
    if (encodeURIComponent(name) === name) {
      const params = server.isBundle === true ? { bundle: name } : { server: name }
      places.set(endpointPath(server), { server, params })
    }
    if (server.isDefault) places.set(shortPath(server), { server, params: {} })
  }
  return places
}

/** A class, because an object with a getter of its own is dear to make. */
class Taken implements Incoming {
  id = ''
  readonly #target: string
  readonly raw: IncomingMessage
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly params: Named
  readonly query = nothing
  readonly is404 = false
  readonly routeOptions = nothing
  body: unknown = undefined
  asked: Incoming['asked'] = null
  readonly place = 'mcp'
  charge: Incoming['charge'] = null

  constructor(raw: IncomingMessage, target: string, params: Named) {
    this.raw = raw
    this.method = raw.method ?? ''
    this.headers = raw.headers
    this.#target = target
    this.params = params
  }

  get url(): string {
    return this.#target
  }

  get originalUrl(): string {
    return this.#target
  }

  get ip(): string {
    return this.raw.socket.remoteAddress ?? ''
  }
}

const nothing = {}

function outgoingOf(response: ServerResponse): Outgoing {
  return {
    raw: response,
    hijack: () => undefined,
    say(statusCode, headers, body = '') {
      if (response.headersSent) response.destroy()
      else {
        const length = String(Buffer.byteLength(body))
        const { 'content-type': type } = headers
        // As Fastify has it.
        const written =
          type === undefined ? {} : { 'content-type': `${String(type)}; charset=utf-8` }
        const all = { ...headers, ...written, 'content-length': length }
        response.writeHead(statusCode, all).end(body)
      }
    },
  }
}
