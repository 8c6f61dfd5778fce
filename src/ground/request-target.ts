import type { IncomingMessage } from 'node:http'

/** `http://host:port/path`, as a client writes it that takes the server for a proxy. */
const absoluteForm = /^https?:\/\/([^/?#]*)(.*)$/is

/**
 * What a request line asks for, as routes have it: the path of an absolute form, whose host takes
 * the place of `Host` (RFC 9112, section 3.2.2), and no slash at the end.
 */
export function routedTarget(request: IncomingMessage): string {
  const { url = '/' } = request
  if (url.startsWith('/')) return withoutSlash(url)
  const [, authority, rest = ''] = absoluteForm.exec(url) ?? []
  if (authority === undefined) return url
  request.headers.host = authority
  return withoutSlash(rest.startsWith('/') ? rest : `/${rest}`)
}

/**
 * The names by which a server was asked for, all of which it has to go by: a client that names two
 * may have been made to name one of them.
 */
export function hostsOf(request: {
  originalUrl: string
  headers: IncomingMessage['headers']
  raw: Pick<IncomingMessage, 'rawHeaders'>
}): readonly (string | undefined)[] {
  const { headers, originalUrl, raw } = request
  if (originalUrl.startsWith('/')) return [headers.host]
  const named = raw.rawHeaders.filter((_, at, all) => at % 2 === 1 && isHost(all[at - 1]))
  return [headers.host, ...named]
}

/** Whoever stands in between may have gone by another one of them than we would (RFC 9112, 3.2). */
export function hasTwoHosts({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>): boolean {
  let hosts = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.length === 4 && isHost(rawHeaders[at])) hosts += 1
  }
  return hosts > 1
}

/** Whether a header came more than once. @param name in lower case */
export function hasTwo({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>, name: string): boolean {
  const names = rawHeaders.filter((each, at) => at % 2 === 0 && each.toLowerCase() === name)
  return names.length > 1
}

const isHost = (name: string | undefined): boolean => name?.toLowerCase() === 'host'

function withoutSlash(target: string): string {
  const at = target.indexOf('?')
  const end = at === -1 ? target.length : at
  if (end < 2 || target[end - 1] !== '/') return target
  return target.slice(0, end - 1) + target.slice(end)
}

/**
 * The path of a request without its query, as the client wrote it: to be shown to it again, where
 * the name of a thing is how it is written. What a request is for is decided by its route, and
 * lint keeps everybody else from reading the URL.
 */
export const writtenPath = ({ url }: { url: string }): string => url.replace(/[?#].*$/s, '')

/** The request line's target letter for letter, to look it up as a whole: nothing is read in it. */
export const exactTarget = ({ url = '' }: Pick<IncomingMessage, 'url'>): string => url

/** The names in a path, decoded once, as routes have them; undefined for what cannot be decoded. */
export function segmentsOf(path: string): string[] | undefined {
  try {
    return path.split('/').slice(1).map(decodeURIComponent)
  } catch {
    return undefined
  }
}
