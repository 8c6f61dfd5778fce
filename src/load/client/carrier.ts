import { parseJson } from '../../ground/json.ts'
import type { RpcMessage } from '../../ground/jsonrpc.ts'
import type { Scan } from '../search/search.ts'
import type { SseEvent } from './sse.ts'
import { createSseReader } from './sse.ts'
import type { Wire } from './wire.ts'

/** How an HTTP exchange ended. */
export interface CarriedEnd {
  /** 0 if there was no answer. */
  status: number
  /** Why there is none, or none that is whole. */
  error?: string
  /** Of the last event that had one. */
  lastEventId?: string
  retryMs?: number
}

export interface Carried {
  /** Never rejects. */
  done: Promise<CarriedEnd>
  /** Drops the connection, as a client does that goes away. */
  drop(): void
}

export interface CarryOptions {
  method: 'POST' | 'GET' | 'DELETE'
  headers: Record<string, string>
  message?: object
  /** Its name in the report. */
  where: string
  onHead?(status: number, header: (name: string) => string | undefined): void
  /** The body, as it comes. */
  onData?(chunk: Buffer): void
}

/** Carries the messages of one session: what comes is searched first, and then read. */
export interface Carrier {
  carry(options: CarryOptions): Carried
}

export function createCarrier(options: {
  wire: Wire
  scan(where: string): Scan
  onMessage(message: RpcMessage, where: string): void
}): Carrier {
  const { wire, scan, onMessage } = options

  const read = (text: string, where: string): void => {
    // The results are measured: nothing else waits meanwhile.
    const json = parseJson(text, Infinity)
    if (!json.ok) throw new Error('the target has sent what is no JSON')
    const parsed = json.value as RpcMessage | RpcMessage[]
    for (const message of Array.isArray(parsed) ? parsed : [parsed]) onMessage(message, where)
  }

  return {
    carry({ method, headers, message, where, onHead, onData: onBody }) {
      const end: CarriedEnd = { status: 0 }
      const body = scan(where)
      let encoded: Scan | undefined
      let reader: ((chunk: Buffer) => void) | undefined
      let pieces: Buffer[] | undefined
      let drop = (): void => undefined

      const onEvent = ({ id, data, retryMs }: SseEvent): void => {
        if (id !== undefined) end.lastEventId = id
        if (retryMs !== undefined) end.retryMs = retryMs
        if (data !== '') read(data, where)
      }
      const done = new Promise<CarriedEnd>((resolve) => {
        const finish = (error?: string): void => {
          body.end()
          encoded?.end()
          resolve(error === undefined ? end : { ...end, error })
        }
        drop = wire.send({
          method,
          headers,
          body: message === undefined ? null : JSON.stringify(message),
          isStream: method === 'GET',
          onHead(status, answered) {
            // A header may end with half a canary, and the body begin with other things.
            body.end()
            end.status = status
            onHead?.(status, (name) => oneOf(answered[name]))
            const type = oneOf(answered['content-type']) ?? ''
            if (status >= 300) return
            if (/^text\/event-stream\b/i.test(type)) reader = createSseReader(onEvent).push
            else if (/^application\/json\b/i.test(type)) pieces = []
          },
          onSeen(bytes, part) {
            if (part === 'encoded body') (encoded ??= scan(`${where}, encoded`)).push(bytes)
            else body.push(bytes)
          },
          onData(chunk) {
            onBody?.(chunk)
            pieces?.push(chunk)
            try {
              reader?.(chunk)
            } catch {
              end.error = 'not JSON-RPC'
              drop()
            }
          },
          onEnd() {
            try {
              if (pieces !== undefined && pieces.length > 0) {
                const [first = Buffer.alloc(0)] = pieces
                read((pieces.length === 1 ? first : Buffer.concat(pieces)).toString(), where)
              }
              finish()
            } catch {
              finish('not JSON-RPC')
            }
          },
          onError: (error) => finish(end.error ?? codeOf(error)),
        })
      })
      return { done, drop: () => drop() }
    },
  }
}

const oneOf = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value

function codeOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException
  return code === undefined || code === '' ? error.message : code
}
