import { GatewayError } from '../ground/errors.ts'
import type { Asking } from './check.ts'

/** Longer than any token of a sane provider; nothing of a longer one is looked at. */
const maxTokenBytes = 16 * 1024

/**
 * The token of a request, which nobody has looked at yet. It is read from the header alone, never
 * from the query, where it would get into logs.
 *
 * @throws ERR_AUTH_NO_TOKEN, ERR_AUTH_HEADER, ERR_AUTH_METHOD, ERR_AUTH_TOKEN_INVALID
 */
export function bearerToken({ headers, rawHeaders }: Asking): string {
  const { authorization } = headers
  if (authorization === undefined) throw new GatewayError('ERR_AUTH_NO_TOKEN', { challenge: {} })
  if (hasTwo({ rawHeaders }, 'authorization'))
    throw badHeader('there are two Authorization headers')
  const space = authorization.indexOf(' ')
  const scheme = (space < 0 ? authorization : authorization.slice(0, space)).toLowerCase()
  if (scheme.startsWith('aws4-')) throw new GatewayError('ERR_AUTH_METHOD')
  if (scheme !== 'bearer') throw badHeader('the Authorization header is no Bearer token')
  if (authorization.length - space > maxTokenBytes) {
    throw invalidToken('it is larger than any token has to be')
  }
  const token = space < 0 ? '' : authorization.slice(space).trim()
  if (token === '') throw badHeader('its token is empty')
  return token
}

export function invalidToken(why: string, cause?: unknown): GatewayError {
  return new GatewayError('ERR_AUTH_TOKEN_INVALID', {
    params: { why },
    challenge: { error: 'invalid_token', description: `The token is not accepted: ${why}.` },
    cause,
  })
}

function badHeader(why: string): GatewayError {
  return new GatewayError('ERR_AUTH_HEADER', { params: { why }, challenge: {} })
}

/** Node keeps the first of two, or puts them together, and says nothing of it. */
export function hasTwo({ rawHeaders }: Pick<Asking, 'rawHeaders'>, header: string): boolean {
  let count = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]
    if (name?.length === header.length && name.toLowerCase() === header) count += 1
  }
  return count > 1
}
