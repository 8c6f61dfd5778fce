import { plainLine } from './terminal.ts'

/** An HTTP answer that should have been JSON, or a stream of events, and is neither. */
export interface WrongAnswer {
  contentType: string | undefined
  contentEncoding: string | undefined
  /** As much of it as there is; absent where its head says enough. */
  body?: Buffer
}

const wordsAtMost = 80
const lookedAtBytes = 4096

/** The redirects of HTTP that name a place. */
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/**
 * Where a redirect leads, without user, query and fragment, in which secrets may stand.
 *
 * @returns undefined for an answer that is none, or that names no place
 */
export function redirectTarget(
  statusCode: number,
  location: string | null | undefined,
  from: string,
): URL | undefined {
  if (!redirects.has(statusCode) || !location || !URL.canParse(location, from)) return undefined
  const target = new URL(location, from)
  target.username = target.password = target.search = target.hash = ''
  return target
}

/** What it is instead, in words: `a web page (text/html) that begins “Welcome to nginx!”`. */
export function whatElse({ contentType = '', contentEncoding, body }: WrongAnswer): string {
  const encoding = contentEncoding?.trim().toLowerCase()
  if (encoding !== undefined && encoding !== '' && encoding !== 'identity') {
    return `${compressed} (${plainLine(encoding, 20)}), which nobody asked for`
  }
  const type = plainLine(contentType.replace(/;.*$/s, '').trim().toLowerCase(), 60)
  const squeezed = body === undefined ? undefined : compressionOf(body)
  if (squeezed !== undefined) return `${compressed} (${squeezed}), which it does not say`
  const text = body?.toString('utf8', 0, lookedAtBytes) ?? ''
  if (isPage(type, text)) return `a web page (${type || 'no type'})${beginning(titleOf(text))}`
  const begins = isText(text) ? beginning(text) : ''
  if (type === '') return `something without a content type${begins}`
  if (!/^(application\/(.+\+)?json|text\/event-stream)$/.test(type)) return `${type}${begins}`
  return text.trim() === ''
    ? `${type} without a message in it`
    : `${type} that is no JSON-RPC${begins}`
}

const compressed = 'something compressed'

/** Whether these words say that it is compressed. */
export const isCompressed = (what: string): boolean => what.startsWith(compressed)

/** Whether an answer of this type may be read as MCP at all. */
export const mayBeMcp = (contentType: string | null | undefined): boolean =>
  /^\s*(application\/json|text\/event-stream)\s*(;|$)/i.test(contentType ?? '')

function beginning(text: string): string {
  const words = plainLine(text, wordsAtMost)
  return words === '' ? '' : ` that begins “${words}”`
}

const isPage = (type: string, text: string): boolean =>
  type === 'text/html' ||
  type === 'application/xhtml+xml' ||
  /^\s*<(!doctype html|html)\b/i.test(text)

/** What a reader of the page would see first. */
function titleOf(page: string): string {
  const title = /<title[^>]*>(.*?)<\/title>/is.exec(page)?.[1]
  return title ?? page.replaceAll(/<(script|style)\b.*?(<\/\1>|$)|<[^>]*(>|$)/gis, ' ')
}

const isText = (text: string): boolean => !text.includes('\ufffd') && !text.includes('\0')

const magics: readonly [string, string][] = [
  ['gzip', '1f8b'],
  ['zstd', '28b52ffd'],
]

function compressionOf(body: Buffer): string | undefined {
  const start = body.toString('hex', 0, 4)
  return magics.find(([, magic]) => start.startsWith(magic))?.[0]
}
