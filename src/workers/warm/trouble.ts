/** A server whose workers come to nothing is tried ever more rarely, and its operator told once. */
export interface Trouble {
  /** @returns how long it is left alone, and whether that is news */
  add(nowMs: number): { retryMs: number; isNews: boolean }
  /** One of its workers has shown that it is well. */
  over(): void
  /** Until when it is left alone. */
  readonly untilMs: number
}

const shortestMs = 1000
const longestMs = 5 * 60_000

export function createTrouble(): Trouble {
  let pauseMs = 0
  let untilMs = 0
  return {
    add(nowMs) {
      const isNews = pauseMs === 0
      // Several may fail together; that is one failure.
      if (nowMs >= untilMs) {
        pauseMs = Math.min(longestMs, Math.max(shortestMs, 2 * pauseMs))
        untilMs = nowMs + pauseMs
      }
      return { retryMs: untilMs - nowMs, isNews }
    },
    over() {
      pauseMs = 0
      untilMs = 0
    },
    get untilMs() {
      return untilMs
    },
  }
}
