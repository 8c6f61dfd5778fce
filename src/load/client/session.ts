import { isFailure, kindOf } from '../../ground/jsonrpc.ts'
import type { RpcMessage } from '../../ground/jsonrpc.ts'
import type { Watch } from '../drive/evidence.ts'
import type { Counter } from '../drive/measure.ts'
import { answerTo } from './answers.ts'
import type { Carried, CarriedEnd } from './carrier.ts'
import { createCarrier } from './carrier.ts'
import type { Knocked, KnockedAs } from './knock.ts'
import { createKnock } from './knock.ts'
import type { Listening } from './stream.ts'
import { listen } from './stream.ts'
import type { Wire } from './wire.ts'

/** What came of a request. `code`: short, the same for all that failed alike. */
export type Outcome = { ok: true; result: unknown } | { ok: false; code: string }

export interface Asked {
  /** Never rejects. */
  outcome: Promise<Outcome>
  drop(): void
}

export interface SessionOptions {
  wire: Wire
  watch: Watch
  /** Of every request: who the client is. */
  headers: Record<string, string>
  timeoutMs: number
  /** Of a bundle: what stands before the names of each of its servers. */
  members?: readonly string[]
  /** Which of them keeps what the session keeps. */
  home?: number
  count(counter: Counter): void
}

/** One MCP session, as an ordinary client has it. A lost one is not opened again: make another. */
export interface Session {
  readonly watch: Watch
  /** Of how many servers it has a session. */
  readonly members: number
  /** What a tool of the probe is called: of the server that keeps, of another, or of each in turn. */
  nameOf(tool: string, where: 'home' | 'elsewhere' | 'anywhere'): string
  /** The public id, once it has one. */
  readonly id: string | undefined
  /** Lost: the server does not know it any more (404). */
  readonly state: 'new' | 'open' | 'lost' | 'closed'
  /** The stream of its GET. */
  readonly listening: Listening | undefined
  open(): Promise<Outcome>
  request(method: string, params?: object, onProgress?: (message: string) => void): Asked
  /** Settles when a log message with this text has come, on any stream. */
  logged(text: string): Promise<boolean>
  /**
   * A request with this id that only looks whether it is known.
   *
   * @param as in whose name it is sent instead, and with which id
   */
  knock(method: 'POST' | 'GET', as?: KnockedAs): Promise<Knocked>
  /** DELETE, or going away without a word. */
  close(how: 'delete' | 'abandon'): Promise<void>
}

interface Pending {
  settle(outcome: Outcome): void
  onProgress: ((message: string) => void) | undefined
}

const protocolVersion = '2025-11-25'
const resumesAtMost = 3

export function createSession(options: SessionOptions): Session {
  const { wire, watch, timeoutMs, count } = options
  const pending = new Map<string, Pending>()
  const logWaiters = new Map<string, (isThere: boolean) => void>()
  let id: string | undefined
  let state: Session['state'] = 'new'
  let version: string | undefined
  let listening: Listening | undefined
  let sequence = 0

  const carrier = createCarrier({ wire, scan: watch.scan, onMessage })

  let known: Record<string, string> | undefined
  const headers = (): Record<string, string> =>
    (known ??= {
      ...options.headers,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(id !== undefined && { 'mcp-session-id': id }),
      ...(version !== undefined && { 'mcp-protocol-version': version }),
    })

  const knock = createKnock({ carrier, headers, own: options.headers, timeoutMs })

  function onMessage(message: RpcMessage, where: string): void {
    switch (kindOf(message)) {
      case 'response':
        onResponse(message, where)
        break
      case 'request': {
        const answer = { jsonrpc: '2.0', id: message.id, ...answerTo(message, watch.canary) }
        const answered = `answer to ${message.method ?? ''}`
        carrier.carry({ method: 'POST', headers: headers(), message: answer, where: answered })
        break
      }
      case 'notification':
        onNotification(message)
        break
      case 'invalid':
        break
    }
  }

  function onResponse({ id: answered, result, error }: RpcMessage, where: string): void {
    const key = String(answered)
    const waiting = pending.get(key)
    if (waiting === undefined) {
      const owner = /^(\d+)-\d+$/.exec(key)?.[1]
      // Late or twice is no matter of isolation, but the answer to somebody else is.
      if (owner === undefined || Number(owner) === watch.number) return
      watch.leaked({ what: 'answer', where, owner: Number(owner), around: `id ${key}` })
      return
    }
    waiting.settle(
      isFailure({ error }) ? { ok: false, code: `rpc ${error?.code}` } : { ok: true, result },
    )
  }

  function onNotification({ method, params = {} }: RpcMessage): void {
    if (method === 'notifications/progress') {
      const { progressToken, message } = params
      pending.get(String(progressToken))?.onProgress?.(String(message))
    } else if (method === 'notifications/message') {
      const { data } = params
      const text = typeof data === 'string' ? data : JSON.stringify(data)
      logWaiters.get(text)?.(true)
      logWaiters.delete(text)
    }
  }

  const lose = (): void => {
    if (state === 'closed') return
    state = 'lost'
    end('lost')
  }

  /** Whoever waits for something of this session waits no longer. */
  const end = (code: string): void => {
    listening?.stop()
    for (const { settle } of pending.values()) settle({ ok: false, code })
    for (const settle of logWaiters.values()) settle(false)
    logWaiters.clear()
  }

  const request: Session['request'] = (method, params = {}, onProgress) => {
    const key = `${watch.number}-${(sequence += 1)}`
    const meta = onProgress === undefined ? {} : { _meta: { progressToken: key } }
    const message = { jsonrpc: '2.0', id: key, method, params: { ...params, ...meta } }
    const name = 'name' in params ? ` ${String(params.name)}` : ''
    const where = `answer to ${method}${name}`
    let carried: Carried | undefined
    const outcome = new Promise<Outcome>((resolve) => {
      const settle = (settled: Outcome): void => {
        if (!pending.delete(key)) return
        clearTimeout(timer)
        resolve(settled)
      }
      const timer = setTimeout(() => {
        settle({ ok: false, code: 'timeout' })
        carried?.drop()
      }, timeoutMs)
      pending.set(key, { settle, onProgress })
      const follow = (next: Carried, resumes: number): void => {
        carried = next
        void next.done.then((how) => {
          if (!pending.has(key)) return
          if (mayResume(how) && resumes < resumesAtMost) {
            setTimeout(() => follow(resume(how, where), resumes + 1), how.retryMs ?? 0)
            return
          }
          settle({ ok: false, code: codeOf(how) })
          if (how.status === 404 && id !== undefined) lose()
        })
      }
      const onHead = method === 'initialize' ? readId : undefined
      follow(
        carrier.carry({
          method: 'POST',
          headers: headers(),
          message,
          where,
          ...(onHead && { onHead }),
        }),
        0,
      )
    })
    return { outcome, drop: () => carried?.drop() }
  }

  /** The server has closed the response before the answer, and lets the client ask again for it. */
  const resume = (how: CarriedEnd, where: string): Carried =>
    carrier.carry({
      method: 'GET',
      headers: {
        ...headers(),
        accept: 'text/event-stream',
        'last-event-id': how.lastEventId ?? '',
      },
      where,
    })

  function readId(status: number, header: (name: string) => string | undefined): void {
    const given = header('mcp-session-id')
    if (status >= 300 || given === undefined) return
    id = given
    watch.named(given)
  }

  const { members = [''], home = 0 } = options
  let turn = home

  return {
    watch,
    members: members.length,
    nameOf(tool, where) {
      if (where !== 'home') turn += 1
      // Never the one that keeps: the turn goes round the others.
      const other = home + 1 + (turn % Math.max(members.length - 1, 1))
      const at = where === 'home' ? home : where === 'anywhere' ? turn : other
      return `${members[at % members.length] ?? ''}${tool}`
    },
    get id() {
      return id
    },
    get state() {
      return state
    },
    get listening() {
      return listening
    },
    request,
    async open() {
      const outcome = await request('initialize', {
        protocolVersion,
        capabilities: { elicitation: {}, sampling: {}, roots: {} },
        clientInfo: { name: 'mcp-berth load', version: '1' },
      }).outcome
      if (!outcome.ok) return outcome
      version = (outcome.result as { protocolVersion?: string }).protocolVersion ?? protocolVersion
      known = undefined
      state = 'open'
      count('opened')
      const initialized = { jsonrpc: '2.0', method: 'notifications/initialized' }
      const { status } = await carrier.carry({
        method: 'POST',
        headers: headers(),
        message: initialized,
        where: 'answer to notifications/initialized',
      }).done
      if (status >= 300 || status === 0) return { ok: false, code: codeOf({ status }) }
      listening = listen({
        carrier,
        headers,
        onOpened: (isAgain) => count(isAgain ? 'streamsResumed' : 'streamsOpened'),
        onLost: lose,
      })
      await listening.ready
      return outcome
    },
    logged(text) {
      return new Promise((resolve) => {
        const timer = setTimeout(() => {
          logWaiters.delete(text)
          resolve(false)
        }, timeoutMs)
        logWaiters.set(text, (isThere) => {
          clearTimeout(timer)
          resolve(isThere)
        })
      })
    },
    knock: (method, as = {}) => knock(method, { ...as, id: as.id ?? id }),
    async close(how) {
      if (state === 'closed') return
      const wasOpen = state === 'open'
      state = 'closed'
      count(how === 'delete' ? 'closed' : 'abandoned')
      end('closed')
      if (how === 'abandon' || !wasOpen) return
      await carrier.carry({ method: 'DELETE', headers: headers(), where: 'answer to DELETE' }).done
    },
  }
}

const mayResume = ({ status, lastEventId }: CarriedEnd): boolean =>
  status >= 200 && status < 300 && lastEventId !== undefined

function codeOf({ status, error }: CarriedEnd): string {
  if (status >= 300) return `http ${status}`
  if (error !== undefined) return error
  return status === 0 ? 'no answer' : 'no answer in the response'
}
