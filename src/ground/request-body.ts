import type { IncomingMessage } from 'node:http'

type Announced = Pick<IncomingMessage, 'headers'>

/** Whether the body of a request may have more bytes than these, as far as its head says. */
export function mayExceed({ headers }: Announced, bytes: number): boolean {
  return (
    headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > bytes
  )
}

export const hasBody = (request: Announced): boolean => mayExceed(request, 0)
