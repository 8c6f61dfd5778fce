import type { IncomingHttpHeaders } from 'node:http'

import type { Caller } from '../auth/check.ts'
import { GatewayError } from '../ground/errors.ts'
import { endpointPath, shortPath } from '../ground/paths.ts'
import { hasTwo } from '../ground/request-target.ts'
import { acceptsGet, acceptsPost } from '../protocols/mcp.ts'
import type { Protocol } from '../protocols/protocol.ts'
import { allowedValueBytes, sessionHeader, tooLongOf } from '../protocols/worker-headers.ts'
import type { Sessions } from '../sessions/manager.ts'
import type { Server } from '../sessions/server.ts'
import type { Session } from '../sessions/session.ts'
import type { Asked } from './asked.ts'
import type { ChosenIds } from './chosen-ids.ts'
import type { Equipping } from './equip.ts'
import { takeHeaders } from './equip.ts'
import { idRequired } from './id-required.ts'
import type { Incoming } from './incoming.ts'
import type { Named } from './routes.ts'
import { isInvocation, isOfRuntimes, isStop } from './routes.ts'
import type { Traffics } from './traffics.ts'

/** Who is let in, and to what. */
export interface Admitted {
  protocol: Protocol
  server: Server
  caller: Caller
}

export interface Asking {
  /**
   * Finds out what a request is for, which then stands in `request.asked`. Without an await for a
   * session that is known: a GET has to be marked before anything that came after it runs. Of those
   * that are not, `lookup` keeps the order.
   *
   * @throws what is wrong with it, before its body is read
   */
  ask(request: Incoming, admitted: Admitted): Promise<void> | undefined
  /**
   * The same for a request of a session that is known and lacks nothing.
   *
   * @returns false for any other one, which is still to be asked about: nothing has been done then
   * @throws as `ask` does, and then nothing has been done either
   */
  askKnown(request: Incoming, admitted: Admitted): boolean
}

export interface AskingOptions {
  sessions: Sessions
  traffics: Traffics
  chosenIds: ChosenIds
  equipping: Equipping
}

export function createAsking({ sessions, traffics, chosenIds, equipping }: AskingOptions): Asking {
  return {
    askKnown(request, admitted) {
      const asked = examine(request, admitted, nothing)
      if (asked.session?.isEquipped !== true) return false
      mark(request, asked)
      return true
    },

    ask(request, admitted) {
      const { method } = request
      const asked = examine(request, admitted, takenFrom(request.headers, admitted.server))
      const { session, publicId } = asked
      const any = publicId ?? asked.chosenId
      // Whoever chose an id may be about to open the session of it.
      const mayOpen = session === undefined && publicId === undefined && method === 'POST'
      const isSettled = asked.protocol.isPlain || isStop(request)
      if (isSettled || any === undefined || session?.isEquipped === true || mayOpen) {
        mark(request, asked)
        return undefined
      }
      const looked = session ?? lookup(any, asked)
      const equip = async (found: Session): Promise<Session> => {
        // To end a session nothing is needed of its caller.
        if (method !== 'DELETE') await equipping.equip(found, asked)
        return found
      }
      return Promise.resolve(looked)
        .then(equip)
        .then(
          (found) => {
            asked.session = found
            mark(request, asked)
          },
          (missing: unknown) => {
            // Told when the body was read, because that has the id of the request.
            asked.session = undefined
            asked.missing = missing
            mark(request, asked)
          },
        )
    },
  }

  async function lookup(id: string, { publicId, server, principal }: Asked): Promise<Session> {
    try {
      return await sessions.lookup(id, server.name, principal)
    } catch (missing) {
      const next =
        publicId === undefined ? undefined : await sessions.reopening.lookup(id, server, principal)
      if (next === undefined) throw missing
      return next
    }
  }

  /** What its head says, as far as that is known here. */
  function examine(
    request: Incoming,
    { protocol, server, caller }: Admitted,
    credentialHeaders: Asked['credentialHeaders'],
  ): Asked {
    const { headers, method } = request
    const asked: Asked = {
      protocol,
      server,
      principal: caller.principal,
      caller,
      credentialHeaders,
      publicId: undefined,
      chosenId: undefined,
      session: undefined,
      missing: undefined,
      release: undefined,
    }
    if (isStop(request)) return asked
    checkEndpoint(request, server)
    checkEncoding(headers)
    if (protocol.isPlain) {
      if (method !== 'POST') throw new GatewayError('ERR_PROXY_POST_ONLY')
      checkAllowed(headers, server)
      asked.chosenId = protocol.chosenId(headers)
      return asked
    }
    const id = protocol.publicId(headers)
    if (typeof id === 'object') {
      const isTwo = hasTwo(request.raw, sessionHeader)
      throw new GatewayError(isTwo ? 'ERR_PROXY_TWO_IDS' : 'ERR_SESSIONS_NOT_FOUND')
    }
    if (method === 'POST' && !acceptsPost(headers)) throw new GatewayError('ERR_PROXY_ACCEPT_POST')
    asked.publicId = id
    asked.chosenId = id === undefined ? protocol.chosenId(headers) : undefined
    const any = id ?? asked.chosenId
    if (method === 'GET' && any === undefined) throw new GatewayError('ERR_PROXY_GET_WITHOUT_ID')
    if (method === 'GET' && !acceptsGet(headers)) throw new GatewayError('ERR_PROXY_ACCEPT_GET')
    if (method === 'DELETE' && any === undefined) throw idRequired(headers)
    if (method !== 'POST' && method !== 'GET' && method !== 'DELETE') {
      throw new GatewayError('ERR_PROXY_METHOD')
    }
    checkAllowed(headers, server)
    asked.session = any === undefined ? undefined : find(any, asked)
    return asked
  }

  function find(id: string, { chosenId, server, principal }: Asked): Session | undefined {
    const chosen =
      chosenId === undefined
        ? undefined
        : (chosenIds.find(chosenId, { server, principal }) ??
          sessions.findNamed(chosenId, server.name, principal))
    return (
      chosen ??
      sessions.find(id, server.name, principal) ??
      sessions.reopening.find(id, server, principal)
    )
  }

  function mark(request: Incoming, asked: Asked): void {
    const { session } = asked
    // For a keeper that keeps the order itself as well: on the way there a request may overtake a
    // stream, because it finds a connection open.
    if (session !== undefined && request.method === 'GET') {
      asked.release = traffics.of(session).hold.raise()
    }
    request.asked = asked
  }
}

function takenFrom(
  headers: IncomingHttpHeaders,
  { credentials }: Server,
): Readonly<Record<string, string>> {
  const taken = credentials?.clientHeaders ?? []
  return taken.length === 0 ? nothing : takeHeaders(headers, taken)
}

const nothing: Readonly<Record<string, string>> = {}

/** @throws ERR_PROXY_OTHER_PROTOCOL at the path of servers that speak otherwise */
function checkEndpoint(request: Incoming, server: Server): void {
  const { protocol, name } = server
  if (isOfRuntimes(request) || isInvocation(request) === (protocol === 'http')) return
  const isShort = (request.params as Named).server === undefined
  throw new GatewayError('ERR_PROXY_OTHER_PROTOCOL', {
    params: {
      server: name,
      protocol,
      speaks: protocol === 'http' ? 'no MCP' : 'MCP',
      path: isShort ? shortPath(server) : endpointPath(server),
    },
  })
}

/** @throws ERR_PROXY_CONTENT_ENCODING: a message is looked into as it comes */
function checkEncoding({ 'content-encoding': encoding }: IncomingHttpHeaders): void {
  if (encoding === undefined || /^\s*(identity)?\s*$/i.test(encoding)) return
  throw new GatewayError('ERR_PROXY_CONTENT_ENCODING')
}

/** @throws ERR_PROXY_HEADER_TOO_LARGE rather than to let a server go without what it is to get */
function checkAllowed(headers: IncomingHttpHeaders, { requestHeaders = [] }: Server): void {
  if (requestHeaders.length === 0) return
  const name = tooLongOf(headers, requestHeaders)
  if (name === undefined) return
  throw new GatewayError('ERR_PROXY_HEADER_TOO_LARGE', {
    params: { name, limitBytes: allowedValueBytes },
  })
}
