import type { Knocked } from '../client/knock.ts'
import type { Outcome, Session } from '../client/session.ts'
import type { Measure } from './measure.ts'
import type { User } from './plan.ts'

type Method = 'POST' | 'GET'

/** How an id was answered in the hands of somebody else. */
export interface Refusal {
  status: number
  /** How an id that does not exist is answered, if that is another answer. */
  insteadOf: string | undefined
}

/**
 * Tries the sessions of each user with the token of the next one: every id has to be refused, and
 * just as one that does not exist. Undefined where there is nobody else.
 */
export function createTrespass(
  users: readonly User[],
  count: Measure['count'],
): ((session: Session, owner: User) => Promise<Outcome>) | undefined {
  if (users.length < 2) return undefined
  return async (session, owner) => {
    const other = users[(users.indexOf(owner) + 1) % users.length] ?? owner
    for (const method of ['POST', 'GET'] as const) {
      count('trespassed')
      const { status, insteadOf } = await knockAs(session, other, method)
      const isServed = status >= 200 && status < 300
      if (isServed || insteadOf !== undefined) {
        session.watch.leaked({
          what: 'ownership',
          owner: session.watch.number,
          where: `${method} with the token of ${other.name} on a session of ${owner.name}`,
          around: `HTTP ${status}${isServed ? '' : `, where an unknown id gets ${insteadOf ?? ''}`}`,
        })
        return { ok: true, result: {} }
      }
      if (!isAnswer(status)) return { ok: false, code: `trespass: http ${status}` }
      count('trespassesRefused')
    }
    session.watch.matched('ownership')
    return { ok: true, result: {} }
  }
}

/** Uses the id of a session in the name of somebody else. */
export async function knockAs(session: Session, other: User, method: Method): Promise<Refusal> {
  const knock = (id?: string): Promise<Knocked> =>
    session.knock(method, { headers: other.headers, ...(id !== undefined && { id }) })
  const stolen = await knock()
  const { status } = stolen
  if (status < 300 || !isAnswer(status)) return { status, insteadOf: undefined }
  const unknown = await knock(likeId(session.id ?? ''))
  if (isSame(stolen, unknown) || !isAnswer(unknown.status)) return { status, insteadOf: undefined }
  // What differs each time, such as the number of a request, tells nothing.
  const again = await knock(likeId(session.id ?? ''))
  const differs =
    again.status === unknown.status && (status !== again.status || isSame(unknown, again))
  const words = `HTTP ${unknown.status}${status === unknown.status ? ' with another body' : ''}`
  return { status, insteadOf: differs ? words : undefined }
}

/** Whoever is not let in at all (401), or turned away for now, has not been told anything of the id. */
const isAnswer = (status: number): boolean =>
  status !== 0 && status !== 401 && status !== 429 && status < 500

const isSame = (a: Knocked, b: Knocked): boolean => a.status === b.status && a.said === b.said

/** An id of the same form that nobody has. */
function likeId(id: string): string {
  const among = (letters: string): string =>
    letters.charAt(Math.floor(Math.random() * letters.length))
  const end = id.slice(-12).replace(/[a-z\d]/gi, (one) => {
    // In hexadecimal, base32 and base64 alike.
    if (/\d/.test(one)) return among('234567')
    return among(one === one.toLowerCase() ? 'abcdef' : 'ABCDEF')
  })
  return id.slice(0, -12) + end
}
