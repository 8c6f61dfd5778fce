/** Chances of a run that can be had again: the same seed gives the same run, as far as it is ours. */
export interface Chances {
  /** From 0 to below `limit`, whole. */
  upTo(limit: number): number
  pick<T>(choices: readonly [T, ...T[]]): T
}

/** mulberry32: small, and good enough to be unpredictable. */
export function createChances(seed: number): Chances {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const upTo = (limit: number): number => Math.floor(next() * limit)
  return { upTo, pick: (choices) => choices[upTo(choices.length)] ?? choices[0] }
}
