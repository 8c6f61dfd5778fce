import { isAwsCall } from '../auth/sigv4.ts'
import { segmentsOf, writtenPath } from '../ground/request-target.ts'
import type { Incoming, Place } from './incoming.ts'

/** Parameters of the path. */
export interface Named {
  server?: string
  runtime?: string
  bundle?: string
}

/** The routes of this room, as they are registered: nothing else says what a request is. */
export const routes = {
  mcp: ['/servers/:server/mcp', '/bundles/:bundle/mcp', '/mcp'],
  invocations: ['/servers/:server/invocations', '/invocations'],
  runtimes: ['/runtimes/:runtime/invocations'],
  stop: ['/runtimes/:runtime/stopruntimesession'],
} as const

const placeAt = new Map<string | undefined, Place>(
  Object.entries(routes).flatMap(([place, patterns]) =>
    patterns.map((pattern) => [pattern, place as Place] as const),
  ),
)

declare module 'fastify' {
  interface FastifyRequest {
    /** Found out when it is first asked for. */
    place: Place | null
  }
}

/**
 * What a request is for, by the route that took it. A URL can be written in many ways (`%69` is
 * `i`), and the router has read it already: whoever read its text again could come to another end.
 */
function placeOf(request: Incoming): Place {
  return (request.place ??=
    placeAt.get(request.routeOptions.url) ??
    (isMissedRuntime(request) ? 'no-operation' : 'nothing'))
}

/** AgentCore's paths, and where an AWS SDK calls for what is not here at all. */
function isMissedRuntime(request: Incoming): boolean {
  const [first] = segmentsOf(writtenPath(request)) ?? []
  return first === 'runtimes' || isAwsCall(request.raw)
}

/** Whether a request is to be answered in AgentCore's way. */
export function isOfRuntimes(request: Incoming): boolean {
  const place = placeOf(request)
  return place === 'runtimes' || place === 'stop' || place === 'no-operation'
}

/** Whether it is at the path of servers that speak no MCP. */
export function isInvocation(request: Incoming): boolean {
  return placeOf(request) === 'invocations'
}

export function isStop(request: Incoming): boolean {
  return placeOf(request) === 'stop'
}
