import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'

/** They are of the connection to the server. Some of them Node does not let stand in an answer. */
const ofItsHop = [
  ...['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding'],
  'upgrade',
]

/** The headers of an answer as they are passed on, in a form that can be written. */
export function passedHeaders({ headers: answered }: IncomingMessage): IncomingHttpHeaders {
  const headers = { ...answered }
  for (const name of ofItsHop) Reflect.deleteProperty(headers, name)
  return headers
}

/**
 * Whether it is an answer at all. Below 200 it is none: there is no status of less than 100, and a
 * server that changes the protocol unasked says nothing more in this one.
 */
export function isAnswer({ statusCode = 0 }: IncomingMessage): boolean {
  return statusCode >= 200
}
