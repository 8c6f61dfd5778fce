import type { Clock } from './clock.ts'

/** How much of each source is let through in each window. */
const windowMs = 10_000
const linesAtMost = 300
const charsAtMost = 256 * 1024

export interface FloodLimit<Source> {
  /** Whether a line of so many characters may be written; it is counted when it may not. */
  admits(key: string, source: Source, chars: number): boolean
}

/**
 * Keeps one source of lines from filling what everybody reads. What is left out is told once, at the
 * end of its window.
 */
export function createFloodLimit<Source>(
  clock: Clock,
  tell: (source: Source, leftOut: number) => void,
  most = linesAtMost,
): FloodLimit<Source> {
  const windows = new Map<string, { source: Source; lines: number; chars: number; out: number }>()

  const roll = (): void => {
    const over = [...windows.values()].filter(({ out }) => out > 0)
    windows.clear()
    for (const { source, out } of over) tell(source, out)
  }
  return {
    admits(key, source, chars) {
      if (windows.size === 0) clock.after(windowMs, roll)
      const window = windows.get(key) ?? { source, lines: 0, chars: 0, out: 0 }
      windows.set(key, window)
      const fits = window.lines < most && window.chars + chars <= charsAtMost
      if (fits) {
        window.lines += 1
        window.chars += chars
      } else window.out += 1
      return fits
    },
  }
}

/** A line is for a person to read: so much of one text, and so much of all of them. */
const charsOfText = 2000
const charsOfAll = 16 * 1024
const depthAtMost = 5

/** A text that is too long, cut, with how much was. */
export function shortened(text: string, most = charsOfText): string {
  return text.length <= most ? text : `${text.slice(0, most)}… (${text.length - most} more)`
}

/** The same news with every text in it shortened, and not too many of them. */
export function shortenedIn<T extends object>(news: T): T {
  let left = charsOfAll
  const short = (value: unknown, depth: number): unknown => {
    if (typeof value === 'string') {
      const text = shortened(value, Math.min(charsOfText, left))
      left = Math.max(left - text.length, 0)
      return text
    }
    if (typeof value !== 'object' || value === null) return value
    if (depth === 0) return '…'
    if (Array.isArray(value)) return value.slice(0, 100).map((item) => short(item, depth - 1))
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, short(item, depth - 1)]),
    )
  }
  return short(news, depthAtMost) as T
}
