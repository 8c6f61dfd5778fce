import type { IncomingHttpHeaders } from 'node:http'
import type { Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'

import { Pool } from 'undici'

export type WirePart = 'headers' | 'body' | 'encoded body'

export interface WireRequest {
  method: 'POST' | 'GET' | 'DELETE'
  headers: Record<string, string>
  body: string | null
  /** Streams of a GET are kept apart, so that a POST never waits behind two thousand of them. */
  isStream?: boolean
  onHead(status: number, headers: IncomingHttpHeaders): void
  /** All that comes: headers and trailers, the body, and that as it was before it was decoded. */
  onSeen(bytes: Uint8Array, part: WirePart): void
  /** The body, decoded. */
  onData(chunk: Buffer): void
  onEnd(): void
  onError(error: Error): void
}

/** HTTP to one target, for any number of sessions. */
export interface Wire {
  /** @returns what drops the connection under the request */
  send(request: WireRequest): () => void
  close(): Promise<void>
}

const forever = { headersTimeout: 0, bodyTimeout: 0 }

export function createWire(url: URL): Wire {
  const options = { pipelining: 1, ...forever, keepAliveTimeout: 10_000, maxHeaderSize: 65_536 }
  const posts = new Pool(url.origin, options)
  const streams = new Pool(url.origin, options)
  const path = url.pathname + url.search

  return {
    send(request) {
      const { method, headers, body, isStream = false } = request
      let abort: ((reason: Error) => void) | undefined
      let dropped: Error | undefined
      let decoder: Transform | undefined
      let isOver = false
      const over = (report: () => void): void => {
        if (isOver) return
        isOver = true
        report()
      }
      const pool = isStream ? streams : posts
      pool.dispatch(
        { method, path, headers, body, ...forever },
        {
          onRequestStart(controller) {
            abort = (reason) => controller.abort(reason)
            if (dropped !== undefined) controller.abort(dropped)
          },
          onResponseStart(controller, status, answered) {
            // An upgrade or an early hint is no answer.
            if (status < 200) return
            for (const bytes of rawOf(controller.rawHeaders)) request.onSeen(bytes, 'headers')
            decoder = decoderOf(answered)
            decoder?.on('data', (chunk: Buffer) => {
              request.onSeen(chunk, 'body')
              request.onData(chunk)
            })
            decoder?.once('end', () => over(() => request.onEnd()))
            decoder?.once('error', (error) => over(() => request.onError(error)))
            request.onHead(status, answered)
          },
          onResponseData(_controller, chunk) {
            request.onSeen(chunk, decoder === undefined ? 'body' : 'encoded body')
            if (decoder === undefined) request.onData(chunk)
            else decoder.write(chunk)
          },
          onResponseEnd(controller) {
            for (const bytes of rawOf(controller.rawTrailers)) request.onSeen(bytes, 'headers')
            if (decoder === undefined) over(() => request.onEnd())
            else decoder.end()
          },
          onResponseError(_controller, error) {
            over(() => request.onError(error))
          },
        },
      )
      return () => {
        dropped = new Error('The client dropped the connection.')
        abort?.(dropped)
      }
    },
    async close() {
      await Promise.all([posts.destroy(), streams.destroy()])
    },
  }
}

const newline = Buffer.from('\n')

function rawOf(raw: unknown): Uint8Array[] {
  if (!Array.isArray(raw)) return []
  const parts: Uint8Array[] = []
  for (const part of raw as (Buffer | string)[]) {
    parts.push(typeof part === 'string' ? Buffer.from(part) : part, newline)
  }
  return parts
}

/** It is not asked for, but some send it all the same. */
function decoderOf(headers: IncomingHttpHeaders): Transform | undefined {
  switch (headers['content-encoding'] ?? 'identity') {
    case 'gzip':
    case 'x-gzip':
      return createGunzip()
    case 'deflate':
      return createInflate()
    case 'br':
      return createBrotliDecompress()
    default:
      return undefined
  }
}
