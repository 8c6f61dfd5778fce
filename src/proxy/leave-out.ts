import type { IncomingHttpHeaders } from 'node:http'

import { mayUse } from '../auth/access.ts'
import { GatewayError } from '../ground/errors.ts'
import { bytesOfText } from '../ground/byte-text.ts'
import { createPile } from '../ground/pile.ts'
import { createWholeEvents, dataOf, isData } from '../ground/whole-events.ts'
import type { NamedUse } from '../protocols/names.ts'
import { listLength, withoutNames } from '../protocols/names.ts'
import type { Protocol } from '../protocols/protocol.ts'
import type { Limited } from './access.ts'
import type { Downstream } from './downstream.ts'

type IsAllowed = (kind: NamedUse['kind'], name: string) => boolean

/**
 * Leaves out of lists what the caller may not use. Also where none was asked for: a server that takes
 * two requests of one id for each other sends it there. What cannot be looked into is not passed on,
 * where a list was asked for.
 *
 * @param isAsked whether one was, as far as is known
 */
export function leaveOut(
  downstream: Downstream,
  protocol: Protocol,
  { server, caller }: Limited,
  isAsked: boolean,
): void {
  const { access } = server
  if (access === undefined) return
  const isAllowed: IsAllowed = (kind, name) => mayUse(access, caller, kind, name)
  const { head, write, end, fail } = downstream
  let how: 'events' | 'whole' | 'as it is' | 'over' = 'over'
  const held = createPile()

  const giveUp = (): void => {
    how = 'over'
    const error = new GatewayError('ERR_PROXY_WORKER_UNREADABLE')
    fail(error)
    downstream.upstream?.abort(error)
  }
  const events = createWholeEvents({
    longest: 2 * listLength,
    onEvent(lines) {
      const kept = withoutListed(lines, isAllowed) ?? (isAsked ? undefined : lines)
      if (kept === undefined) giveUp()
      else if (how === 'events') write(Buffer.from(`${kept.join('\n')}\n\n`, 'latin1'))
    },
    onLong(part) {
      if (isAsked) giveUp()
      else if (how === 'events') write(Buffer.from(part, 'latin1'))
    },
  })

  downstream.head = (statusCode: number, headers: IncomingHttpHeaders) => {
    const { 'content-length': _, ...rest } = headers
    const encoding = headers['content-encoding'] ?? 'identity'
    if (encoding.toLowerCase() !== 'identity') {
      if (isAsked) {
        giveUp()
        return
      }
      how = 'as it is'
    } else how = protocol.isStream(headers['content-type']) ? 'events' : 'whole'
    head(statusCode, how === 'as it is' ? headers : rest)
  }
  downstream.write = (chunk: Buffer) => {
    if (how === 'events') events.push(chunk.toString('latin1'))
    else if (how === 'as it is') write(chunk)
    else if (how === 'whole') {
      held.add(chunk)
      if (held.bytes <= listLength) return
      if (isAsked) giveUp()
      else {
        how = 'as it is'
        write(held.take())
      }
    }
  }
  downstream.end = () => {
    if (how === 'events') events.end()
    else if (how === 'whole') {
      const bytes = held.take()
      const said = bytes.toString()
      const kept = withoutNames(said, isAllowed) ?? (isAsked ? undefined : said)
      if (kept === undefined) giveUp()
      else if (bytes.length > 0) write(kept === said ? bytes : Buffer.from(kept))
    }
    if (!downstream.isDone()) end()
  }
}

/** The lines of an event, without what may not be seen; undefined where that cannot be told. */
function withoutListed(
  lines: readonly string[],
  isAllowed: IsAllowed,
): readonly string[] | undefined {
  const said = dataOf(lines) ?? ''
  const kept = said === '' ? said : withoutNames(said, isAllowed)
  if (kept === undefined || kept === said) return kept === undefined ? undefined : lines
  return [...lines.filter((line) => !isData(line)), `data: ${bytesOfText(kept)}`]
}
