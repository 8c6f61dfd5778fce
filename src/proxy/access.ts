import type { IncomingHttpHeaders } from 'node:http'

import { mayUse } from '../auth/access.ts'
import { GatewayError } from '../ground/errors.ts'
import { createPile } from '../ground/pile.ts'
import type { NamedUse } from '../protocols/names.ts'
import { listLength, namesIn, withoutNames } from '../protocols/names.ts'
import type { Peek, Protocol } from '../protocols/protocol.ts'
import type { Asked } from './asked.ts'
import type { Downstream } from './downstream.ts'

type Limited = Pick<Asked, 'server' | 'caller'>
type IsAllowed = (kind: NamedUse['kind'], name: string) => boolean

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

const listMethods = new Set<string | undefined>([
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
])

/** Whether a list may come in answer to these: to a GET, whatever was asked before. */
export const mayBringList = (messages: readonly Peek[]): boolean =>
  messages.length === 0 || messages.some(({ method }) => listMethods.has(method))

/**
 * Leaves out of lists what the caller may not use. What cannot be looked into is not passed on at
 * all.
 */
export function leaveOut(downstream: Downstream, protocol: Protocol, limited: Limited): void {
  const { access } = limited.server
  if (access === undefined) return
  const isAllowed: IsAllowed = (kind, name) => mayUse(access, limited.caller, kind, name)
  const { head, write, end, fail } = downstream
  let pass: 'events' | 'whole' | 'over' = 'over'
  const held = createPile()

  const giveUp = (): void => {
    pass = 'over'
    const error = new GatewayError('ERR_PROXY_WORKER_UNREADABLE')
    fail(error)
    downstream.upstream?.abort(error)
  }
  const events = createEvents((lines) => {
    const kept = withoutListed(lines, isAllowed)
    if (kept === undefined) giveUp()
    else if (pass === 'events') write(Buffer.from(kept))
  })

  downstream.head = (statusCode: number, headers: IncomingHttpHeaders) => {
    const { 'content-length': _, ...rest } = headers
    const encoding = headers['content-encoding'] ?? 'identity'
    if (encoding.toLowerCase() !== 'identity') {
      giveUp()
      return
    }
    pass = protocol.isStream(headers['content-type']) ? 'events' : 'whole'
    head(statusCode, rest)
  }
  downstream.write = (chunk: Buffer) => {
    if (pass === 'events') {
      if (!events.push(chunk)) giveUp()
    } else if (pass === 'whole') {
      held.add(chunk)
      if (held.bytes > listLength) giveUp()
    }
  }
  downstream.end = () => {
    if (pass === 'events') events.end()
    else if (pass === 'whole') {
      const kept = withoutNames(held.take().toString(), isAllowed)
      if (kept === undefined) giveUp()
      else if (kept !== '') write(Buffer.from(kept))
    }
    if (downstream.isDone()) return
    end()
  }
}

/** The lines of an event, without what may not be seen; undefined where that cannot be told. */
function withoutListed(lines: readonly string[], isAllowed: IsAllowed): string | undefined {
  const data = lines.filter((line) => isData(line)).map((line) => line.replace(/^data:? ?/, ''))
  const said = data.join('\n')
  const kept = said === '' ? said : withoutNames(said, isAllowed)
  if (kept === undefined) return undefined
  const rest = kept === said ? lines : [...lines.filter((line) => !isData(line)), `data: ${kept}`]
  return `${rest.join('\n')}\n\n`
}

const isData = (line: string): boolean => line === 'data' || line.startsWith('data:')

/**
 * Whole events, whichever of its three line ends a server uses: what a client would read as an event
 * must not get past.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
function createEvents(onEvent: (lines: readonly string[]) => void) {
  const decoder = new TextDecoder() // takes a mark of byte order off as well
  /** Of a line that has not ended: only added to, never searched again, for chunks may be a byte long. */
  let pending = ''
  let bytes = 0
  let event: string[] = []
  const lineOver = (line: string): void => {
    if (line !== '') event.push(line)
    else if (event.length > 0) {
      onEvent(event)
      event = []
      bytes = 0
    }
  }
  /** A line end of two signs may be cut in between. */
  let isCut = false
  const read = (text: string): void => {
    if (text === '') return
    const fresh = isCut && text.startsWith('\n') ? text.slice(1) : text
    isCut = text.endsWith('\r')
    const [first = '', ...more] = fresh.split(/\r\n|\n|\r/)
    pending += first
    for (const line of more) {
      lineOver(pending)
      pending = line
    }
  }
  return {
    /** @returns false once an event is longer than can be looked into */
    push(chunk: Buffer): boolean {
      bytes += chunk.length
      if (bytes > 2 * listLength) return false
      read(decoder.decode(chunk, { stream: true }))
      return true
    },
    /** Some clients take what no blank line has ended. */
    end(): void {
      read(decoder.decode())
      if (pending !== '') event.push(pending)
      if (event.length > 0) onEvent(event)
    },
  }
}
