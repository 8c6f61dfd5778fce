import type { FastifyRequest } from 'fastify'

import { isAwsCall } from '../auth/sigv4.ts'

/** Parameters of the path. */
export interface Named {
  server?: string
  runtime?: string
}

export const httpMethods = ['POST', 'GET', 'DELETE', 'OPTIONS', 'PUT', 'PATCH', 'HEAD']

/**
 * Whether a request is to be answered in AgentCore's way: for AgentCore's paths, and where an AWS
 * SDK calls for what is not here at all.
 */
export function isOfRuntimes(request: FastifyRequest): boolean {
  const { url, params } = request
  if ((params as Named).runtime !== undefined || /^\/runtimes([/?]|$)/.test(url)) return true
  return request.is404 && isAwsCall(request.raw)
}

/** Whether it is at the path of servers that speak no MCP. */
export function isInvocation({ url }: FastifyRequest): boolean {
  return /^\/(servers\/[^/?]+\/)?invocations(\?|$)/.test(url)
}

export function isStop(request: FastifyRequest): boolean {
  return isOfRuntimes(request) && /\/stopruntimesession(\?|$)/.test(request.url)
}
