import type { IncomingMessage } from 'node:http'

import httpProxy from '@fastify/http-proxy'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

import { GatewayError } from '../ground/errors.ts'
import { routedMethods } from '../ground/listener.ts'
import { runtimeSessionId } from '../protocols/agentcore.ts'
import { runtimeSessionHeader } from '../protocols/worker-headers.ts'
import type { Sessions } from '../sessions/manager.ts'
import type { Session } from '../sessions/session.ts'
import type { Asked } from './asked.ts'
import type { Bodies, BodyDone, BodyLimit } from './bodies.ts'
import { canStream } from './bodies.ts'
import type { ChosenIds } from './chosen-ids.ts'
import { isStop, routes } from './routes.ts'
import type { Serve } from './serve.ts'

export interface RuntimesOptions {
  sessions: Sessions
  chosenIds: ChosenIds
  bodies: Bodies
  limitOf(request: FastifyRequest): BodyLimit
  /** What every reply carries. */
  headersOf(request: FastifyRequest): Record<string, string>
  serve: Serve
}

/** The paths of AgentCore's data plane, and of its agents that speak no MCP. Who is asking was found out before, for all paths alike. */
export async function runtimesPlugin(
  app: FastifyInstance,
  { sessions, chosenIds, bodies, limitOf, headersOf, serve }: RuntimesOptions,
): Promise<void> {
  // The AWS SDKs say that a payload is an octet stream, or nothing at all.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    '*',
    (request: FastifyRequest, payload: IncomingMessage, done: BodyDone) => {
      const limit = limitOf(request)
      // A server that speaks no MCP is sent what comes, as it comes, once it is there.
      const isSentOn = !isStop(request) && request.asked?.protocol.isPlain === true
      if (isSentOn && canStream(request.raw, limit)) done(null)
      else bodies.read(request, payload, limit, done)
    },
  )
  app.post(routes.stop[0], stop)
  await app.register(httpProxy, {
    upstream: 'http://127.0.0.1',
    routes: [...routes.runtimes, ...routes.invocations],
    httpMethods: routedMethods,
    proxyPayloads: false,
    handler: (request, reply) => serve(request, reply),
  })

  /** StopRuntimeSession: the session's own id, or the one that its client has chosen. */
  async function stop(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { asked, headers } = request
    if (asked === null) throw new GatewayError('ERR_PROXY_INTERNAL')
    const id = runtimeSessionId(headers[runtimeSessionHeader] ?? headers['mcp-session-id'])
    if (asked.server.protocol === 'http' || asked.server.mode === 'stateless') {
      await stopNamed(id, asked)
    } else {
      const chosen = chosenIds.all(id, asked)
      const doomed = chosen.length > 0 ? chosen : [await sessionOf(id, asked)]
      await Promise.all(doomed.map(end))
    }
    return reply
      .code(200)
      .headers({ ...headersOf(request), [runtimeSessionHeader]: id })
      .send()
  }

  async function stopNamed(name: string, { server, principal }: Asked): Promise<void> {
    const record = await sessions.recordOfName(name, server.name, principal)
    if (record === undefined) throw new GatewayError('ERR_AGENTCORE_NO_SESSION')
    const known = sessions.list().find(({ id }) => id === record.id)
    if (known === undefined) await sessions.stop(record)
    else await end(known)
  }

  /** Until its worker is gone: another gateway may hear of the end later than the next invocation. */
  async function end(session: Session): Promise<void> {
    await Promise.race([sessions.close(session, 'stopped'), session.worker?.exited])
  }

  async function sessionOf(id: string, { server, principal }: Asked) {
    const found = sessions.find(id, server.name, principal)
    if (found !== undefined) return found
    try {
      return await sessions.lookup(id, server.name, principal)
    } catch (thrown) {
      const isUnknown = thrown instanceof GatewayError && thrown.code === 'ERR_SESSIONS_NOT_FOUND'
      throw isUnknown ? new GatewayError('ERR_AGENTCORE_NO_SESSION') : thrown
    }
  }
}
