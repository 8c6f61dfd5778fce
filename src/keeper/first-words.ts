import type { Clock, Timer } from '../ground/clock.ts'
import type { Sign } from './wrong-framing.ts'
import { createFramingReader, wordsOf } from './wrong-framing.ts'

/**
 * What a server says until it has said a message: banners are skipped, and a server that speaks in
 * a way that cannot be understood is given up long before its start allowance is over.
 */
export interface FirstWords {
  /** Whether it has said a message. */
  readonly hasSpoken: boolean
  /** Whether it was given up: what still comes is not to be taken for an answer. */
  readonly isHopeless: boolean
  /** Something was asked of it. */
  asked(): void
  /** It has said a message: from now on it speaks. */
  spoke(): void
  /** It has said this instead. */
  garbage(line: string): void
  /** It has said a message that gives it away. */
  gaveAway(sign: Sign): void
  end(): void
}

/** Is told how a server begins to speak. */
export interface Beginning {
  /** What the server has written that has no line end yet. */
  unfinished(): string
  /** Called once, at its first message: nothing else has come before. */
  onClear(): void
  /** Called once, at its first line that is no message. */
  onGarbled(): void
  /** Called once: nothing will come of it, and why. */
  onHopeless(why: string): void
}

/** How long after a sign a message may still come: a banner may look like anything. */
const graceMs = 2000
/** Who writes down what it was asked may take longer to answer. */
const echoGraceMs = 10_000
const lookEveryMs = 500

export function createFirstWords(clock: Clock, beginning: Beginning): FirstWords {
  const framing = createFramingReader()
  let hasSpoken = false
  let isGarbled = false
  let isHopeless = false
  let found: { sign: Sign; untilMs: number } | undefined
  let looking: Timer | undefined

  function look(): void {
    note(framing.unfinished(beginning.unfinished()))
    if (found === undefined || clock.now() < found.untilMs) lookSoon()
    else {
      isHopeless = true
      beginning.onHopeless(wordsOf(found.sign))
    }
  }

  function lookSoon(): void {
    looking = clock.after(lookEveryMs, look)
  }

  function note(sign: Sign | undefined): void {
    if (sign === undefined || (found !== undefined && found.sign !== 'echo')) return
    if (sign === found?.sign) return
    found = { sign, untilMs: clock.now() + (sign === 'echo' ? echoGraceMs : graceMs) }
  }

  return {
    get hasSpoken() {
      return hasSpoken
    },
    get isHopeless() {
      return isHopeless
    },
    asked() {
      if (!hasSpoken && looking === undefined) lookSoon()
    },
    spoke() {
      if (hasSpoken) return
      hasSpoken = true
      looking?.cancel()
      if (!isGarbled) beginning.onClear()
    },
    garbage(line) {
      if (!isGarbled) beginning.onGarbled()
      isGarbled = true
      if (!hasSpoken) note(framing.line(line))
    },
    gaveAway: note,
    end: () => looking?.cancel(),
  }
}
