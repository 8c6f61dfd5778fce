import type { WarmWish } from './options.ts'

/** What was asked for of one server in the last minutes, and how many wait because of it. */
export interface Demand {
  ask(nowMs: number): void
  /** A worker has taken so long from the start until it had come to rest. */
  took(ms: number): void
  /** So many of them there should be now. */
  wanted(nowMs: number): number
}

/** What was asked for longer ago says nothing any more. */
const rememberedMs = 5 * 60_000
/** More were not asked for in that time by those whom a pool can help. */
const mostRemembered = 2000
/** Before the first start has shown how long one takes. */
const usualStartMs = 1000
/** While as many come as came in this many starts, at the worst moment, nobody has to wait. */
const startsAhead = 3

export function createDemand({ min, max }: Pick<WarmWish, 'min' | 'max'>): Demand {
  const asked: number[] = []
  let startMs = usualStartMs

  return {
    ask(nowMs) {
      asked.push(nowMs)
      if (asked.length > mostRemembered) asked.shift()
    },
    took(ms) {
      startMs = (startMs + ms) / 2
    },
    wanted(nowMs) {
      while (asked[0] !== undefined && nowMs - asked[0] > rememberedMs) asked.shift()
      return Math.min(max, Math.max(min, mostWithin(asked, startsAhead * startMs)))
    },
  }
}

/** How many of these times lie within so long, where they are closest. They are in order. */
function mostWithin(times: readonly number[], ms: number): number {
  let most = 0
  let from = 0
  for (const [at, time] of times.entries()) {
    while (time - (times[from] ?? time) > ms) from += 1
    most = Math.max(most, at - from + 1)
  }
  return most
}

/** Deals room out to those who want it, one each in turn, so that nobody takes all. */
export function dealt(wanted: readonly number[], room: number): number[] {
  const given = wanted.map(() => 0)
  let left = room
  for (let before = -1; left > 0 && before !== left;) {
    before = left
    for (const [at, most] of wanted.entries()) {
      if (left <= 0 || (given[at] ?? 0) >= most) continue
      given[at] = (given[at] ?? 0) + 1
      left -= 1
    }
  }
  return given
}
