import type { IncomingHttpHeaders } from 'node:http'

import { mayUse } from '../auth/access.ts'
import { GatewayError } from '../ground/errors.ts'
import { kindOfList } from '../protocols/lists.ts'
import type { NamedUse } from '../protocols/names.ts'
import { namesIn } from '../protocols/names.ts'
import type { Peek } from '../protocols/protocol.ts'
import type { Asked } from './asked.ts'

export type Limited = Pick<Asked, 'server' | 'caller'>

/**
 * Whether a POST asks for something that its caller may not use. None of it is sent on then: a batch
 * would have to be taken apart.
 *
 * @throws ERR_PROXY_AMBIGUOUS for what the server might read otherwise than Berth does
 */
export function refusedUse(
  { server, caller }: Limited,
  { headers, body, messages }: Named,
): GatewayError | undefined {
  const { access } = server
  if (access === undefined) return undefined
  const uses = namesIn(body)
  if (uses === undefined || !isInUtf8(headers) || !isAsInHead(headers, messages, uses)) {
    throw new GatewayError('ERR_PROXY_AMBIGUOUS')
  }
  for (const { kind, name } of uses) {
    if (name === undefined || !mayUse(access, caller, kind, name)) return unknownName(kind, name)
  }
  return undefined
}

interface Named {
  headers: IncomingHttpHeaders
  body: Buffer
  messages: readonly Peek[]
}

/** Servers decode a body as its head says: `+AGQ-` is a letter in UTF-7. */
function isInUtf8({ 'content-type': type = '' }: IncomingHttpHeaders): boolean {
  const rest = type.toLowerCase().replaceAll(/charset="?utf-?8"?(?=\s*(?:;|$))/g, '')
  return !rest.includes('charset')
}

/** What the newer versions of MCP have in headers as well: who believes them is not to be led astray. */
function isAsInHead(
  { 'mcp-method': method, 'mcp-name': name }: IncomingHttpHeaders,
  messages: readonly Peek[],
  uses: readonly NamedUse[],
): boolean {
  if (method === undefined && name === undefined) return true
  const [only, ...more] = messages
  if (more.length > 0 || (method !== undefined && method !== only?.method)) return false
  const [use] = uses
  return name === undefined || use === undefined || headerText(String(name)) === use.name
}

/** Other letters than those of ASCII are written so there. */
const headerText = (value: string): string => {
  const [, encoded] = /^=\?base64\?([A-Za-z0-9+/=]*)\?=$/.exec(value) ?? []
  return encoded === undefined ? value : Buffer.from(encoded, 'base64').toString()
}

/** As a server answers for what it does not have: whoever may not use something learns no more. */
export function unknownName(kind: NamedUse['kind'], name = ''): GatewayError {
  if (kind === 'resources') return new GatewayError('ERR_PROXY_NO_RESOURCE', { params: { name } })
  const what = kind === 'tools' ? 'tool' : 'prompt'
  return new GatewayError('ERR_PROXY_NO_NAME', { params: { what, name } })
}

/** Whether a list is to come in answer to these: to a GET, whatever was asked before. */
export const asksForList = (messages: readonly Peek[]): boolean =>
  messages.length === 0 || messages.some(({ method }) => kindOfList(method) !== undefined)
