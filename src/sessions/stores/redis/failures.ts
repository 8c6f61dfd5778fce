import { GatewayError, messageOf } from '../../../ground/errors.ts'

/** How soon it is worth while to ask again. */
const retryAfterSeconds = 5

/**
 * What a caller of a verb is told, whatever was wrong. Errors of the client library carry the
 * command with its arguments, which are records and passwords: none of that is handed on.
 */
export function storeError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown
  return new GatewayError('ERR_SESSIONS_STORE', { retryAfterSeconds, cause: cleaned(thrown) })
}

function cleaned(thrown: unknown): Error {
  const clean = new Error(messageOf(thrown))
  const code = codeOf(thrown)
  return code === undefined ? clean : Object.assign(clean, { code })
}

/** What Redis says when it is there and cannot be used, and what that means. */
const hindrances: readonly [RegExp, string][] = [
  [/^OOM\b/, 'Redis is full (maxmemory): give it more, or remove what else is in it'],
  [/^(READONLY|MASTERDOWN)\b/, 'Redis takes no writes: it is a replica'],
  [/^MISCONF\b/, 'Redis takes no writes: it cannot save its data to disk'],
  [/^NOREPLICAS\b/, 'Redis takes no writes: too few of its replicas are there'],
  [/^CLUSTERDOWN\b/, 'the Redis cluster is down'],
  [/^LOADING\b/, 'Redis is still loading its data'],
  [/^BUSY\b/, 'a script of somebody else keeps Redis busy'],
  [/^(NOAUTH|WRONGPASS|NOPERM)\b/, 'Redis does not let the user of Berth in any more'],
]

const hindranceIn = (thrown: unknown): string | undefined =>
  isReply(thrown) ? hindrances.find(([words]) => words.test(text(thrown)))?.[1] : undefined

/** An answer of Redis that is about one command, and not about Redis. */
export function isAboutCommand(thrown: unknown): boolean {
  const isForbidden = text(thrown).startsWith('NOPERM')
  return isReply(thrown) && (isForbidden || hindranceIn(thrown) === undefined)
}

/** Why it cannot be used now, for the operator and for who asks whether this gateway is ready. */
export function whyAway(thrown: unknown): string {
  return hindranceIn(thrown) ?? 'Redis does not answer'
}

/** Something of another kind stands where a record should be. */
export function isWrongKind(thrown: unknown): boolean {
  const cause = thrown instanceof GatewayError ? thrown.cause : thrown
  return /^WRONGTYPE\b/.test(text(cause))
}

/** Whether this server writes no more: another connection may find the one that does. */
export function isReadOnly(thrown: unknown): boolean {
  return /^(READONLY|MASTERDOWN)\b/.test(text(thrown))
}

export function isUnknownScript(thrown: unknown): boolean {
  return text(thrown).includes('NOSCRIPT')
}

const isReply = (thrown: unknown): boolean =>
  thrown instanceof Error && thrown.name === 'ReplyError'

const text = messageOf

function codeOf(thrown: unknown): string | undefined {
  const code: unknown = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  return typeof code === 'string' ? code : undefined
}

/** Where it looked for Redis, in words, and under which key that stands. */
export interface Sought {
  place: string
  key: string
  prefix: string
  usesTls: boolean
}

/**
 * Why there is no store at the start, and what to do about it.
 *
 * @param thrown the first thing that went wrong
 */
export function startError(thrown: unknown, sought: Sought): GatewayError {
  if (thrown instanceof GatewayError) return thrown
  const cause = lastCause(thrown)
  return new GatewayError('ERR_CONFIG_INVALID', {
    params: { problems: `${sought.key}: ${reason(cause, sought)}` },
    cause: cleaned(cause),
  })
}

export function tooOld(sought: Sought): GatewayError {
  return new GatewayError('ERR_CONFIG_INVALID', {
    params: {
      problems: `${sought.key}: the Redis at ${sought.place} is too old. Berth needs Redis 7 or newer, or Valkey.`,
    },
  })
}

function reason(cause: unknown, { place, key, prefix, usesTls }: Sought): string {
  const said = text(cause)
  const code = codeOf(cause)
  if (/WRONGPASS|NOAUTH|invalid password/.test(said)) {
    return `the Redis at ${place} does not take this user and password. Correct store.username and store.password, or those in store.url.`
  }
  if (said.includes('NOPERM')) {
    return `the user of the Redis at ${place} may not do all that Berth does. Allow it: ACL SETUSER NAME ~{${prefix}}:* &{${prefix}}:* +@all -@dangerous +info +cluster.`
  }
  if (/MOVED|CLUSTERDOWN/.test(said)) {
    return `the Redis at ${place} belongs to a cluster${said.includes('DOWN') ? ', which is down' : ''}. Name its nodes under store.cluster.`
  }
  if (said.includes('cluster support disabled')) {
    return `the Redis at ${place} is no node of a cluster. Write store.url in place of store.cluster.`
  }
  if (/READONLY|MASTERDOWN/.test(said)) {
    return `the Redis at ${place} is a replica, which takes no writes. Name the primary, or its sentinels.`
  }
  if (/^(ERR_TLS|ERR_SSL|CERT_|DEPTH_|SELF_|UNABLE_|EPROTO)/.test(code ?? '')) {
    return `TLS with ${place} failed (${code ?? ''}). Look at store.tls: caFile, servername, certFile and keyFile.`
  }
  if (/protocol error|Unknown RESP|Invalid/i.test(said) && code === undefined) {
    return `what answers at ${place} is not Redis. Correct ${key}.`
  }
  if (code === undefined && isReply(cause)) return `the Redis at ${place} says: ${said}`
  const isCut = code === undefined || code === 'ECONNRESET'
  const hint = isCut && !usesTls ? ' If it expects TLS, write rediss:// or store.tls.' : ''
  return `no Redis answers at ${place} (${code ?? said}). Start one (redis-server), or correct ${key}.${hint}`
}

/** A client of a cluster has the reason of one of its nodes. */
function lastCause(thrown: unknown): unknown {
  const inner: unknown =
    thrown instanceof Error && 'lastNodeError' in thrown ? thrown.lastNodeError : undefined
  return inner ?? thrown
}
