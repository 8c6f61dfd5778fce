import { createHash } from 'node:crypto'

/**
 * The short name of a session, for logs, people and the admin API. It cannot be turned into the
 * public id, which may be all that an anonymous client has to prove itself.
 */
export function handleOf(id: string): string {
  return createHash('sha256').update(id).digest('hex').slice(0, 8)
}
