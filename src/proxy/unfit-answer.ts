import { parseJson, parsedLength } from '../ground/json.ts'
import { plainLine } from '../ground/terminal.ts'
import { isCompressed, redirectTarget, whatElse } from '../ground/wrong-answer.ts'
import type { Server } from '../sessions/server.ts'
import type { Session } from '../sessions/session.ts'
import { isFollowed, isOwn } from './following.ts'
import type { Answered } from './judge.ts'

const wordsAtMost = 200

type Asked = Pick<Session, 'endpoint' | 'server'>

/**
 * What is wrong with an answer that does not open a session, and what to do about it, in words for
 * the operator: `it redirects (307) to /mcp/; set path: /mcp/`.
 */
export function whyUnfit(answered: Answered, asked: Asked): string {
  const { statusCode, headers, held } = answered
  const redirect = whereTo(statusCode, headers.location, asked)
  if (redirect !== undefined) return redirect
  const body = Buffer.concat(held.chunks)
  const error = errorIn(body)
  if (error !== undefined) return `it answered ${statusCode} with the error ${error}`
  if (body.length === 0 && statusCode >= 300) return `it answered ${statusCode}`
  const what = whatElse({
    contentType: headers['content-type'],
    contentEncoding: oneOf(headers['content-encoding']),
    body,
  })
  const advice = isCompressed(what) ? 'let it answer uncompressed' : hint(asked.server)
  return `it answered ${statusCode} with ${what}; ${advice}`
}

/**
 * Where a redirect leads that is not followed, and what to configure instead.
 *
 * @returns undefined for an answer that is none
 */
export function whereTo(
  statusCode: number,
  location: string | undefined,
  asked: Asked,
): string | undefined {
  const { endpoint, server } = asked
  const target = redirectTarget(statusCode, location, `${endpoint.origin}${endpoint.path}`)
  if (target === undefined) return undefined
  const { launch } = server
  const to = `it redirects (${statusCode}) to`
  const isHere = isOwn(target, asked)
  const isCircle = isHere && isFollowed(statusCode)
  if (launch.kind !== 'remote') {
    const { pathname } = target
    if (!isHere) return `${to} ${target.href}, which is not the server itself`
    if (isCircle) return `${to} ${pathname} again and again; look at its path`
    return `${to} ${pathname}; set path: ${pathname}`
  }
  if (isCircle) return `${to} itself again and again; look at its url`
  // Part of the path may be a secret where the configuration has a placeholder.
  if (launch.shown.includes('${')) {
    const isSlash = target.pathname === `${new URL(launch.url).pathname}/`
    return isSlash && isHere
      ? `${to} the same with a slash at its end; add that to url`
      : `${to} ${target.origin}/…; change url to that`
  }
  return `${to} ${target.href}; put that into url`
}

const hint = ({ launch }: Server): string =>
  launch.kind === 'remote'
    ? 'that is no MCP endpoint, so look at its url'
    : 'that is no MCP endpoint, so look at its path'

/** A JSON-RPC error: its code and its words. */
function errorIn(body: Buffer): string | undefined {
  // An event stream has its messages behind `data:`.
  const start = body.toString('utf8', 0, parsedLength)
  const text = start.slice(Math.max(0, start.search(/^data:/m))).replace(/^data:/, '')
  const read = parseJson(text)
  if (!read.ok) return undefined
  const { error } = Object(read.value) as { error?: { code?: unknown; message?: unknown } }
  if (typeof error?.message !== 'string') return undefined
  const code = typeof error.code === 'number' ? error.code : '?'
  return `${code}: ${plainLine(error.message, wordsAtMost)}`
}

const oneOf = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value.join(', ') : value
