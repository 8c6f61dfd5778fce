/** The server said nothing for longer than it may. */
export class Silence extends Error {
  constructor(silenceMs: number) {
    super(`The server said nothing for ${silenceMs / 1000} seconds`)
    this.name = 'Silence'
  }
}

/** How long a request waits for a server that says nothing; the user's own time does not count. */
export interface Patience {
  signal: AbortSignal
  heard(): void
  hold(): void
  release(): void
  end(reason: unknown): void
  stop(): void
}

export function createPatience(silenceMs: number, outer: AbortSignal | undefined): Patience {
  const controller = new AbortController()
  let held = 0
  let timer: NodeJS.Timeout | undefined
  const end = (reason: unknown): void => controller.abort(reason)
  const onOuterEnd = (): void => end(outer?.reason)
  const wait = (): void => {
    clearTimeout(timer)
    if (silenceMs > 0 && held === 0) {
      timer = setTimeout(() => end(new Silence(silenceMs)), silenceMs)
    }
  }
  if (outer?.aborted === true) onOuterEnd()
  outer?.addEventListener('abort', onOuterEnd)
  wait()
  return {
    signal: controller.signal,
    heard: wait,
    hold() {
      held += 1
      clearTimeout(timer)
    },
    release() {
      held -= 1
      wait()
    },
    end,
    stop() {
      held = Infinity
      clearTimeout(timer)
      outer?.removeEventListener('abort', onOuterEnd)
    },
  }
}
