import type { Caller } from '../auth/check.ts'
import { valueAt } from '../auth/claims.ts'
import type { Clock } from '../ground/clock.ts'
import type { ErrorCode } from '../ground/errors.ts'
import { GatewayError } from '../ground/errors.ts'
import type { Allowance } from '../sessions/allowance.ts'
import type { SessionStore, StoreQuota } from '../sessions/store.ts'
import { createMinutes, minuteMs } from './minutes.ts'
import type { QuotaGroup, QuotaNumbers, QuotasConfig } from './options.ts'
import { quotaKeys } from './options.ts'
import { createSharedMinutes } from './shared-minutes.ts'

/** How much each may use, of whom anything is limited. */
export interface Quotas {
  /** @returns undefined for whom nothing is */
  of(caller: Caller): CallerAllowance | undefined
}

/** What limits one caller: quotas of its own, and those of its groups. */
export interface CallerAllowance extends Allowance {
  /**
   * Counts calls in: all of them, or none.
   *
   * @returns for each the function that counts it out again, once
   * @throws ERR_SESSIONS_QUOTA_CALLS, ERR_SESSIONS_QUOTA_IN_PROGRESS
   */
  call(count: number): (() => void)[]
}

/** One number of the configuration, of one principal or group. */
interface Quota extends StoreQuota {
  readonly name: keyof QuotaNumbers
  /** Where it stands in the configuration. */
  readonly path: string
  readonly who: string
}

const codes = {
  sessions: 'ERR_SESSIONS_QUOTA_SESSIONS',
  startsPerMinute: 'ERR_SESSIONS_QUOTA_STARTS',
  callsPerMinute: 'ERR_SESSIONS_QUOTA_CALLS',
  callsInProgress: 'ERR_SESSIONS_QUOTA_IN_PROGRESS',
} as const satisfies Record<keyof QuotaNumbers, ErrorCode>

/** A session ends when its client ends it, or after a while; a call soon. */
const sessionsAgainMs = 10_000
const callsAgainMs = 1000

export interface QuotasOptions {
  clock: Clock
  quotas: QuotasConfig
  /** Whoever shares it counts minutes together. */
  store: Pick<SessionStore, 'isShared' | 'count'>
}

export function createQuotas({ clock, quotas, store }: QuotasOptions): Quotas {
  const known = new WeakMap<Caller, CallerAllowance | false>()
  const minutes = store.isShared ? createSharedMinutes(clock, store.count) : createMinutes(clock)
  const inProgress = new Map<string, number>()

  function allowanceOf(caller: Caller): CallerAllowance | undefined {
    const all = quotasOf(quotas, caller)
    if (all.length === 0) return undefined
    const named = (name: keyof QuotaNumbers): Quota[] => all.filter((quota) => quota.name === name)
    const starts = named('startsPerMinute')
    const calls = named('callsPerMinute')
    const progress = named('callsInProgress')
    const sessions = named('sessions').map((quota) => ({
      key: quota.key,
      limit: quota.limit,
      full: () => errorOf(quota, sessionsAgainMs),
    }))
    return {
      sessions,
      async start() {
        const counted: string[] = []
        for (const quota of starts) {
          const { count, leftMs } = await store.count(quota.key, 1, minuteMs)
          counted.push(quota.key)
          if (count <= quota.limit) continue
          for (const key of counted) await store.count(key, -1, minuteMs)
          throw errorOf(quota, leftMs)
        }
      },
      call(count) {
        if (count === 0) return []
        for (const quota of progress) {
          const taken = inProgress.get(quota.key) ?? 0
          if (taken + count > quota.limit) throw errorOf(quota, callsAgainMs)
        }
        checkMinutes(calls, count)
        for (const { key } of calls) minutes.add(key, count)
        for (const { key } of progress) change(key, count)
        return Array.from({ length: count }, () => placeOf(progress))
      },
    }
  }

  function checkMinutes(of: readonly Quota[], more: number): void {
    for (const quota of of) {
      const fullForMs = minutes.fullForMs(quota.key, more, quota.limit)
      if (fullForMs > 0) throw errorOf(quota, fullForMs)
    }
  }

  function placeOf(progress: readonly Quota[]): () => void {
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      for (const { key } of progress) change(key, -1)
    }
  }

  function change(key: string, by: number): void {
    const left = (inProgress.get(key) ?? 0) + by
    if (left > 0) inProgress.set(key, left)
    else inProgress.delete(key)
  }

  return {
    of(caller) {
      // The same object for as long as a token is remembered.
      const found = known.get(caller)
      if (found !== undefined) return found === false ? undefined : found
      const made = allowanceOf(caller)
      known.set(caller, made ?? false)
      return made
    },
  }
}

function quotasOf({ principal, groups }: QuotasConfig, caller: Caller): Quota[] {
  const own = numbersIn(principal, {
    path: 'quotas.principal',
    key: `principal:${caller.principal}`,
    who: 'You',
  })
  const ofGroups = groups.map((group, at) => {
    if (!isIn(group, caller)) return []
    const { claim, any } = group
    return numbersIn(group, {
      path: `quotas.groups[${at}]`,
      // Not its place: other gateways may have others before it, for a while.
      key: `group:${JSON.stringify([claim, ...[...any].sort()])}`,
      who: `The group ${any.join(', ')}`,
    })
  })
  return [...own, ...ofGroups.flat()]
}

function numbersIn(
  numbers: QuotaNumbers,
  { path, key, who }: { path: string; key: string; who: string },
): Quota[] {
  return quotaKeys.flatMap((name) => {
    const limit = numbers[name]
    return limit === undefined
      ? []
      : [{ name, limit, path: `${path}.${name}`, key: `${name}:${key}`, who }]
  })
}

function isIn({ claim, any }: QuotaGroup, { identity }: Caller): boolean {
  const value = valueAt(identity?.claims, claim)
  const said: unknown[] = Array.isArray(value) ? value : [value]
  return said.some((one) => typeof one === 'string' && any.includes(one))
}

function errorOf({ name, path, who, limit }: Quota, waitMs: number): GatewayError {
  return new GatewayError(codes[name], {
    params: { who, limit, quota: path },
    data: { quota: path, limit },
    retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)),
  })
}
