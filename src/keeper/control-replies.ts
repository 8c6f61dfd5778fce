import type { IncomingMessage, ServerResponse } from 'node:http'

import { guarded, tellFault } from '../ground/guarded.ts'

/** How the keeper answers the gateway itself. */
export function answer(response: ServerResponse, statusCode: number, body?: unknown): void {
  send(response, statusCode, body === undefined ? '' : JSON.stringify(body))
}

export function send(response: ServerResponse, statusCode: number, json: string): void {
  if (response.headersSent) return
  response.writeHead(statusCode, { 'content-type': 'application/json' })
  response.end(json)
}

/** What was asked could not be dealt with: only this request is lost. */
export function refuse(response: ServerResponse): void {
  if (response.headersSent) response.destroy()
  else answer(response, 500)
}

export function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  onBody: (body: string) => unknown,
): void {
  let body = ''
  request.setEncoding('utf8')
  request.on('data', (chunk: string) => (body += chunk))
  request.on(
    'end',
    guarded(
      () => onBody(body),
      (thrown) => {
        tellFault('answering the gateway')(thrown)
        refuse(response)
      },
    ),
  )
}
