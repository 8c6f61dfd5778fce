import type { Leak } from '../drive/evidence.ts'

/** Who got what of whom, without what was around it. */
export function leakWords({ session, owner, what, where, form }: Leak): string {
  if (what === 'ownership') return `session ${session} answered another user: ${where}`
  const whose = owner === null ? 'another session' : `session ${owner}`
  const how = form === null || form === 'plain' ? '' : `, as ${form}`
  return `session ${session} got the ${what} of ${whose} in the ${where}${how}`
}

/** Numbers as people read them. */
export function milliseconds(ms: number): string {
  if (ms >= 10_000) return `${(ms / 1000).toFixed(1)} s`
  if (ms >= 100) return `${ms.toFixed(0)} ms`
  return ms >= 10 ? `${ms.toFixed(1)} ms` : `${ms.toFixed(2)} ms`
}

export function whole(number: number): string {
  return Math.round(number)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ' ')
}

export function short(number: number): string {
  if (number >= 1e6) return `${trim(number / 1e6)}M`
  if (number >= 1000) return `${trim(number / 1000)}k`
  return trim(number)
}

export function bytes(number: number): string {
  if (number >= 1024 ** 3) return `${(number / 1024 ** 3).toFixed(1)} GiB`
  if (number >= 1024 ** 2) return `${(number / 1024 ** 2).toFixed(1)} MiB`
  return `${(number / 1024).toFixed(0)} KiB`
}

const trim = (number: number): string => String(Math.round(number * 100) / 100)
