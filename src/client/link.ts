import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js'

import { idKey, kindOf } from '../ground/jsonrpc.ts'
import type { RpcId, RpcMessage } from '../ground/jsonrpc.ts'

interface Said {
  said?: string
  code?: string
  data?: Record<string, unknown>
}

/** The server answered a request with an HTTP error. */
export class HttpFailure extends Error {
  readonly status: number
  /** What the server says about it, if its body says anything that can be shown. */
  readonly said: string | undefined
  /** Berth's own code, if it is a Berth that says one. */
  readonly code: string | undefined
  /** `error.data` of its body. */
  readonly data: Record<string, unknown>
  /** Whether the request said who sends it. */
  readonly hadToken: boolean
  /** Whether it belonged to a session that was open before. */
  readonly hadSession: boolean

  constructor(status: number, { said, code, data = {} }: Said, sent: Headers) {
    super(`The server answered with HTTP status ${status}`)
    this.name = 'HttpFailure'
    this.status = status
    this.said = said
    this.code = code
    this.data = data
    this.hadToken = sent.has('authorization')
    this.hadSession = sent.has('mcp-session-id')
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
    const response = await fetch(url, init)
    if (response.status >= 400) throw await failedWith(response, init)
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
      return response
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
  const message: unknown = JSON.parse(body)
  if (kindOf(message) !== 'request') return undefined
  return (message as RpcMessage).id ?? undefined
}

async function failureOf(response: Response, { headers }: RequestInit): Promise<HttpFailure> {
  const text = await response.text().catch(() => '')
  return new HttpFailure(response.status, saidIn(text), new Headers(headers))
}

function saidIn(text: string): Said {
  try {
    const { error } = JSON.parse(text) as { error?: Record<string, unknown> }
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
    return {}
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
