import type { Asking } from '../asking.ts'

/**
 * The head of a request, as a string of bytes.
 *
 * @param host what it is sent to, for a request that does not say so
 * @throws when it cannot be written as one head and nothing else
 */
export function requestHead({ method, path, headers, body }: Asking, host: string): string {
  if (!isToken(method)) throw new Error('The method of a request is none.')
  if (!path.startsWith('/') || /[^\x21-\xff]/.test(path)) {
    throw new Error('The path of a request is none.')
  }
  let text = `${method} ${path} HTTP/1.1\r\nhost: ${valueOf('host', headers.host ?? host)}\r\nconnection: keep-alive\r\n`
  for (const name in headers) {
    const value = headers[name]
    if (value === undefined || name === 'host' || name === 'content-length') continue
    if (!isUsual(name)) checkName(name)
    if (typeof value === 'string') text += `${name}: ${valueOf(name, value)}\r\n`
    else for (const one of value) text += `${name}: ${valueOf(name, one)}\r\n`
  }
  const length = bodyLength(headers['content-length'], body)
  if (length === 0 && (method === 'GET' || method === 'HEAD')) return `${text}\r\n`
  return `${text}content-length: ${length}\r\n\r\n`
}

/** How many bytes will be sent. */
export function bodyLength(declared: string | string[] | undefined, body: Asking['body']): number {
  if (declared !== undefined && !/^\d{1,15}$/.test(String(declared))) {
    throw new Error('The length of a request is no number.')
  }
  const said = declared === undefined ? undefined : Number(declared)
  if (body !== null && !Buffer.isBuffer(body)) {
    if (said === undefined) throw new Error('A body that comes as it is read needs a length.')
    return said
  }
  const length = body?.length ?? 0
  if (said !== undefined && said !== length) throw new Error('A request says another length.')
  return length
}

function valueOf(name: string, value: string | string[]): string {
  if (typeof value !== 'string' || /[^\t\x20-\x7e\x80-\xff]/.test(value)) {
    throw new Error(`The value of ${name} cannot be sent.`)
  }
  return value
}

const isToken = (word: string): boolean => /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/.test(word)

const usual = new Set([
  ...['accept', 'accept-encoding', 'accept-language', 'content-type', 'last-event-id'],
  ...['mcp-protocol-version', 'mcp-session-id', 'user-agent', 'sec-fetch-mode', 'traceparent'],
  ...['x-amzn-bedrock-agentcore-runtime-session-id'],
  ...['x-amzn-bedrock-agentcore-runtime-request-id'],
])
const isUsual = (name: string): boolean => usual.has(name)

/** They are for this hop, and it has its own. */
const own = new Set([
  ...['connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'expect'],
  ...['host', 'content-length'],
])

function checkName(name: string): void {
  if (!isToken(name)) throw new Error('The name of a header is none.')
  if (own.has(name.toLowerCase())) throw new Error(`${name} is not for a worker.`)
}
