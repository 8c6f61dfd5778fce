import type { IncomingHttpHeaders } from 'node:http'

import type { Caller } from '../auth/check.ts'
import type { Asked } from './asked.ts'

/** Whose request it is that goes to a worker, for one that asks other workers in turn. */
export interface From {
  readonly caller: Caller
  /** Those that are for templates alone; no worker sees them. */
  readonly credentialHeaders: Readonly<Record<string, string>>
  /** As the client has sent them. */
  readonly headers: IncomingHttpHeaders
  readonly requestId: string
}

export function fromOf(request: {
  asked: Asked | null
  headers: IncomingHttpHeaders
  id: string
}): From | undefined {
  const { asked, headers, id } = request
  // Nobody else has any use for it.
  if (asked?.server.isBundle !== true) return undefined
  const { caller, credentialHeaders } = asked
  return { caller, credentialHeaders, headers, requestId: id }
}
