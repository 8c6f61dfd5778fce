import type { FastifyRequest } from 'fastify'

/** Parameters of the path. */
export interface Named {
  server?: string
  runtime?: string
}

export const httpMethods = ['POST', 'GET', 'DELETE', 'OPTIONS', 'PUT', 'PATCH', 'HEAD']

/** Whether a request is for AgentCore's paths, and to be answered in AgentCore's way. */
export function isOfRuntimes({ url, params }: FastifyRequest): boolean {
  return (params as { runtime?: string }).runtime !== undefined || url.startsWith('/runtimes/')
}

/** Whether it is at the path of servers that speak no MCP. */
export function isInvocation({ url }: FastifyRequest): boolean {
  return /^\/(servers\/[^/?]+\/)?invocations(\?|$)/.test(url)
}

export function isStop(request: FastifyRequest): boolean {
  return isOfRuntimes(request) && /\/stopruntimesession(\?|$)/.test(request.url)
}
