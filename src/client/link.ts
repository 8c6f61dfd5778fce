import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js'

import { parseJson } from '../ground/json.ts'
import { idKey, kindOf } from '../ground/jsonrpc.ts'
import type { RpcId, RpcMessage } from '../ground/jsonrpc.ts'
import { mayBeMcp, redirectTarget, whatElse } from '../ground/wrong-answer.ts'
import { withoutNullErrors } from './null-errors.ts'

/** Of a longer refusal nothing is understood. */
const refusalLength = 1024 * 1024

interface Said {
  said?: string
  code?: string
  data?: Record<string, unknown>
  what?: string
}

/** The server answered a request with an HTTP error. */
export class HttpFailure extends Error {
  readonly status: number
  /** What the server says about it, if its body says anything that can be shown. */
  readonly said: string | undefined
  /** What its body is, in words, if it is nothing that an MCP server sends. */
  readonly what: string | undefined
  /** Berth's own code, if it is a Berth that says one. */
  readonly code: string | undefined
  /** `error.data` of its body. */
  readonly data: Record<string, unknown>
  /** Whether the request said who sends it. */
  readonly hadToken: boolean
  /** Whether it belonged to a session that was open before. */
  readonly hadSession: boolean

  constructor(status: number, { said, code, what, data = {} }: Said, sent: Headers) {
    super(`The server answered with HTTP status ${status}`)
    this.name = 'HttpFailure'
    this.status = status
    this.said = said
    this.what = what
    this.code = code
    this.data = data
    this.hadToken = sent.has('authorization')
    this.hadSession = sent.has('mcp-session-id')
  }
}

/** The server sends its client to another place, where the client does not go by itself. */
export class Redirected extends Error {
  readonly status: number
  readonly target: URL

  constructor(status: number, target: URL) {
    super(`The server redirects to ${target.href}`)
    this.name = 'Redirected'
    this.status = status
    this.target = target
  }
}

/** Something answered that is no MCP server. */
export class NotMcp extends Error {
  /** What came, in words. */
  readonly what: string

  constructor(what: string) {
    super(`The answer is ${what}`)
    this.name = 'NotMcp'
    this.what = what
  }
}

/** The line to the server broke while an answer was still to come. */
export class LinkLost extends Error {
  constructor(cause?: unknown) {
    super('The connection ended before the answer came', { cause })
    this.name = 'LinkLost'
  }
}

export interface Link {
  fetch: FetchLike
  /** To be told every message that arrived, so that the link knows what is still to come. */
  heard(message: unknown): void
}

// The SDK's transport tries as often to resume a stream, and then is silent about it.
const resumeAttempts = 2
// Between the end of a stream and the last of its messages being read.
const settleMs = 100

/**
 * The `fetch` of a client's transport that notices what the transport keeps to itself: a stream
 * that ends before its response came, and cannot be resumed, would leave the caller waiting.
 *
 * @param onGone the server does not know the session of a request any more
 */
export function createLink(
  onLost: (lost: LinkLost) => void,
  onGone: (failure: HttpFailure) => void = () => undefined,
): Link {
  const awaited = new Set<string>()
  let failedResumes = 0

  async function post(url: string | URL, init: RequestInit): Promise<Response> {
    const id = requestIdOf(init.body)
    const answer = await fetch(url, init)
    if (answer.status >= 400) throw await failedWith(answer, init)
    checkRedirect(answer, url)
    if (id !== undefined) await checkAnswer(answer)
    const response = withoutNullErrors(answer)
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true
    if (id === undefined || !isStream || response.body === null) return response
    awaited.add(idKey(id))
    const watched = watch(response.body, (isResumable) => {
      if (isResumable) return
      setTimeout(() => {
        if (awaited.delete(idKey(id))) onLost(new LinkLost())
      }, settleMs)
    })
    return new Response(watched, response)
  }

  async function resume(url: string | URL, init: RequestInit): Promise<Response> {
    try {
      const response = await fetch(url, init)
      if (response.status === 404) onLost(new LinkLost(await failedWith(response.clone(), init)))
      failedResumes = 0
      return withoutNullErrors(response)
    } catch (error) {
      failedResumes += 1
      if (failedResumes >= resumeAttempts) onLost(new LinkLost(error))
      throw error
    }
  }

  async function get(url: string | URL, init: RequestInit): Promise<Response> {
    const response = await fetch(url, init)
    if (response.status === 404) await failedWith(response.clone(), init)
    return response
  }

  async function failedWith(response: Response, init: RequestInit): Promise<HttpFailure> {
    const failure = await failureOf(response, init)
    if (failure.status === 404 && failure.hadSession) onGone(failure)
    return failure
  }

  return {
    fetch(url, init = {}) {
      if (init.method === 'POST') return post(url, init)
      if (init.method === 'GET' && new Headers(init.headers).has('last-event-id')) {
        return resume(url, init)
      }
      return init.method === 'GET' ? get(url, init) : fetch(url, init)
    },
    heard(message) {
      const { id } = message as RpcMessage
      if (kindOf(message) === 'response' && id !== undefined && id !== null) {
        awaited.delete(idKey(id))
      }
    },
  }
}

function requestIdOf(body: unknown): RpcId | undefined {
  if (typeof body !== 'string') return undefined
  // What this program itself has to say.
  const read = parseJson(body, Infinity)
  const message = read.ok ? read.value : undefined
  if (kindOf(message) !== 'request') return undefined
  return (message as RpcMessage).id ?? undefined
}

/** @throws Redirected where the SDK, which follows within the origin alone, would stop */
function checkRedirect({ status, headers }: Response, url: string | URL): void {
  const target = redirectTarget(status, headers.get('location'), String(url))
  if (target === undefined) return
  const from = new URL(url)
  const isSecured =
    target.protocol === 'https:' && target.host === from.hostname && from.host === from.hostname
  const isNear = target.origin === from.origin || isSecured
  if (isNear && (status === 307 || status === 308)) return
  throw new Redirected(status, target)
}

/** @throws NotMcp for an answer that is one, and says by its head already that it is no message */
async function checkAnswer(response: Response): Promise<void> {
  const { headers, ok, status } = response
  const contentEncoding = headers.get('content-encoding') ?? undefined
  const isDecoded = contentEncoding === undefined || decoded.test(contentEncoding)
  const contentType = headers.get('content-type') ?? undefined
  if (!ok || status === 202 || (isDecoded && mayBeMcp(contentType))) return
  const body = isDecoded ? Buffer.from(await response.arrayBuffer()) : Buffer.alloc(0)
  throw new NotMcp(
    whatElse({ contentType, contentEncoding: isDecoded ? undefined : contentEncoding, body }),
  )
}

/** What `fetch` undoes by itself. */
const decoded = /^\s*(identity|x-gzip|gzip|deflate|br)?\s*$/i

async function failureOf(response: Response, { headers }: RequestInit): Promise<HttpFailure> {
  const text = await response.text().catch(() => '')
  const type = response.headers.get('content-type') ?? undefined
  return new HttpFailure(response.status, saidIn(text, type), new Headers(headers))
}

function saidIn(text: string, contentType: string | undefined): Said {
  try {
    const read = parseJson(text, refusalLength)
    // What is no object is caught below.
    const { error } = (read.ok ? read.value : undefined) as { error?: Record<string, unknown> }
    const { message, code, data } = error ?? {}
    // The admin API has its code in `code`, where JSON-RPC has a number.
    const named = [code, (data as Record<string, unknown> | null | undefined)?.['code']]
    const own = named.find((each) => typeof each === 'string')
    return {
      ...(typeof message === 'string' && { said: message }),
      ...(own !== undefined && { code: own }),
      ...(typeof data === 'object' && data !== null && { data: data as Record<string, unknown> }),
    }
  } catch {
    if (text.trim() === '') return {}
    return { what: whatElse({ contentType, contentEncoding: undefined, body: Buffer.from(text) }) }
  }
}

/** Hands on `body` and says when it ended, and whether it had events that can be resumed after. */
function watch(
  body: ReadableStream<Uint8Array>,
  onEnd: (isResumable: boolean) => void,
): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let isResumable = false
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read()
        if (done) {
          controller.close()
          onEnd(isResumable)
          return
        }
        isResumable ||= /^id:/m.test(decoder.decode(value, { stream: true }))
        controller.enqueue(value)
      } catch (error) {
        controller.error(error)
        onEnd(isResumable)
      }
    },
    cancel: (reason) => reader.cancel(reason),
  })
}
