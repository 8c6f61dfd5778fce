import { whatSpeaks } from './knock.ts'
import type { Listener } from './listening.ts'
import { listenersOf } from './listening.ts'
import type { ListensElsewhere } from './protocol.ts'

/** Looks where a server listens that does not speak where it should. */
export interface ElsewhereWatch {
  /** Looks once. @returns undefined as long as it may still come to what it should do */
  look(): Promise<ListensElsewhere | undefined>
}

export interface ElsewhereOptions {
  pids(): number[]
  /** Path of the endpoint, as configured. */
  path: string
  /** Where it should listen; null for a server that should not. */
  port: number | null
  startTimeoutMs: number
}

/** Before anybody knocks: whatever listens for a moment only is left alone … */
const settledMs = 1000
/** … and a server may listen a while before it answers. */
const knockEveryMs = 2000
const knocks = 3

/**
 * A port of its own that is no server of MCP may be a helper: metrics, a debugger. It is no reason
 * to give up a server that may still be about to start, unless this part of its time is over.
 */
const patience = 1 / 4

/** Debuggers of Node and Python, which a stranger's words might disturb. */
const debuggerPorts = [9229, 9230, 5678]

interface Seen extends Listener {
  sinceMs: number
  knocked: number
}

export function watchElsewhere(options: ElsewhereOptions): ElsewhereWatch {
  const { pids, path, port, startTimeoutMs } = options
  let seen = new Map<string, Seen>()

  /** What listens now, with when that was seen first. */
  function refresh(nowMs: number): Seen[] {
    const now = new Map<string, Seen>()
    for (const listener of listenersOf(pids)) {
      if (listener.port === port || debuggerPorts.includes(listener.port)) continue
      const key = `${listener.address} ${listener.port}`
      now.set(key, seen.get(key) ?? { ...listener, sinceMs: nowMs, knocked: 0 })
    }
    seen = now
    return [...now.values()]
  }

  return {
    async look() {
      const nowMs = Date.now()
      const all = refresh(nowMs)
      for (const one of all) {
        const { address, port: found, sinceMs, knocked } = one
        if (knocked >= knocks || nowMs - sinceMs < settledMs + knocked * knockEveryMs) continue
        one.knocked += 1
        const speaks = await whatSpeaks(one, path)
        if (speaks !== 'unknown') return { address, port: found, speaks }
      }
      const late = all.find(({ sinceMs }) => nowMs - sinceMs >= startTimeoutMs * patience)
      return late && { address: late.address, port: late.port, speaks: 'unknown' }
    },
  }
}

const firstLookMs = 1000

/** When to look again, a while after the last look: soon at first, then ever less often. */
export const nextLookMs = (waitedMs: number): number => waitedMs * 1.1 + firstLookMs / 2

/**
 * Watches a stdio server from its first message on until it says something itself.
 *
 * @param onFound is called once, if it speaks elsewhere
 */
export function watchSilence(
  watch: ElsewhereWatch,
  { startTimeoutMs, isOver }: { startTimeoutMs: number; isOver(): boolean },
  onFound: (listens: ListensElsewhere) => void,
) {
  let isAsked = false
  let hasSpoken = false

  async function look(startedAtMs: number): Promise<void> {
    if (hasSpoken || isOver()) return
    const found = await watch.look()
    const waitedMs = Date.now() - startedAtMs
    if (found === undefined) {
      if (waitedMs < startTimeoutMs) lookIn(nextLookMs(waitedMs) - waitedMs, startedAtMs)
    } else if (!isSilenceOver()) onFound(found)
  }
  // It may have spoken, or ended, while we looked.
  const isSilenceOver = (): boolean => hasSpoken || isOver()
  const lookIn = (ms: number, startedAtMs: number): void => {
    setTimeout(() => void look(startedAtMs), ms).unref()
  }

  return {
    asked(): void {
      if (isAsked) return
      isAsked = true
      lookIn(firstLookMs, Date.now())
    },
    /** A line of its stdout; what is no message does not count. */
    heard(line: string): void {
      hasSpoken ||= /^\s*[[{]/.test(line)
    },
  }
}
