/**
 * The one door for JSON that others send. Whatever is in it, to look into it costs a few
 * milliseconds at most: short texts are parsed, and of longer ones only the upper levels are read,
 * in one pass that builds nothing of the rest and gives up when it has done enough.
 */
export type ParsedJson = { ok: true; value: unknown } | { ok: false; why: JsonProblem }

/** `too-much`: it may be JSON, but to find out what it says would take too long. */
export type JsonProblem = 'not-json' | 'too-much'

/** Texts up to this length are parsed as a whole: 2 ms at most, whatever they are made of. */
export const parsedLength = 64 * 1024

const notJson: ParsedJson = { ok: false, why: 'not-json' }
const tooMuch: ParsedJson = { ok: false, why: 'too-much' }

/** Parses a text of which nothing is known. Never throws. */
export function parseJson(text: string, maxLength = parsedLength): ParsedJson {
  if (text.length > maxLength) return tooMuch
  try {
    return { ok: true, value: JSON.parse(text) as unknown }
  } catch {
    return notJson
  }
}

/** What a text or bytes say, whole where they are short, and else in their upper levels. */
export function readJson(said: string | Buffer, options: OutlineOptions): ParsedJson {
  if (said.length <= parsedLength) return parseJson(said.toString())
  return outlineJson(typeof said === 'string' ? Buffer.from(said) : said, options)
}

export interface OutlineOptions {
  /** Names of members that are looked into; all others are passed over, whatever they hold. */
  wanted: ReadonlySet<string>
  /** More values than these in a list at the top are too much. Default 1000. */
  maxElements?: number
  /**
   * Refuses a wanted member that comes twice, or whose name differs in its case alone: of these each
   * parser takes another one. Default false.
   */
  isStrict?: boolean
  /** How much may be done, about a nanosecond each. Default 5 million. */
  maxSteps?: number
  /**
   * Told of each wanted member of an object, and of those in it first: its names from the top on,
   * with `/` between them, and where its value stands. Of lists nothing is told.
   */
  onMember?: (path: string, from: number, to: number) => void
}

/** Levels that are looked into: of a message, `params._meta["…"].taskId` is the lowest. */
const levels = 4
/** Of a longer string only the beginning is kept, as it stands. */
export const outlinedLength = 1024

const memberSteps = 250
const findSteps = 64
const maxWindow = 64 * 1024
const usualSteps = 5_000_000

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const colon = 0x3a
const openList = 0x5b
const closeList = 0x5d
const openObject = 0x7b
const closeObject = 0x7d

const kinds = new Uint8Array(256)
kinds[quote] = 1
kinds[openList] = 2
kinds[openObject] = 2
kinds[closeList] = 3
kinds[closeObject] = 3

const isSpace = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

/** As parsers do that do not mind case: `K` (the sign for kelvin) and `ſ` are letters as well. */
const foldCase = (name: string): string => name.toUpperCase().toLowerCase()

class Problem extends Error {
  readonly why: JsonProblem
  constructor(why: JsonProblem) {
    super(why)
    this.why = why
  }
}

/** Behind the last quote of the string that begins at `start`; -1 where it has none. */
function endOfString(bytes: Buffer, start: number, spend: (steps: number) => void): number {
  let to = start + 1
  let window = findSteps
  for (;;) {
    // Most strings are short, and to look for the end of each by a call would cost more; and so it
    // would where every other byte is an escaped quote.
    const near = Math.min(to + window, bytes.length)
    const from = to
    while (to < near) {
      const byte = bytes[to]
      if (byte === quote) {
        spend(to - from + 1)
        return to + 1
      }
      to += byte === backslash ? 2 : 1
    }
    const found = bytes.indexOf(quote, to)
    if (found === -1) return -1
    let slashes = 0
    while (found - slashes > to && bytes[found - slashes - 1] === backslash) slashes += 1
    spend(to - from + findSteps + slashes + ((found - to) >> 4))
    window = found - to > window ? findSteps : Math.min(window * 2, maxWindow)
    to = found + 1
    if (slashes % 2 === 0) return to
  }
}

/** Behind the bracket that closes the one at `start`; -1 where none does. */
function endOfNest(
  bytes: Buffer,
  start: number,
  most: number,
  spend: (steps: number) => void,
): number {
  const { length } = bytes
  let at = start
  let depth = 0
  // What long strings took is counted apart.
  let counted = start
  let stop = start + most
  while (at < length) {
    const kind = kinds[bytes[at] as number]
    if (kind === 0) {
      at += 1
    } else if (kind === 1) {
      let to = at + 1
      const near = Math.min(to + 16, length)
      while (to < near && bytes[to] !== quote && bytes[to] !== backslash) to += 1
      if (bytes[to] === quote) {
        at = to + 1
      } else {
        spend(at - counted)
        const end = endOfString(bytes, at, spend)
        if (end === -1) return -1
        stop += end - at
        at = end
        counted = end
      }
    } else if (kind === 2) {
      depth += 1
      at += 1
    } else {
      depth -= 1
      at += 1
      if (depth === 0) {
        spend(at - counted)
        return at
      }
    }
    if (at > stop) break
  }
  spend(at - counted)
  return -1
}

/**
 * What a long JSON text says in its upper levels: members of other names than the wanted ones are
 * left out, what lies deeper is an empty object or list, and a long string is cut. Of a name that
 * comes twice the last one counts, as for `JSON.parse`. What is passed over is not checked further
 * than for its brackets and quotes.
 */
export function outlineJson(bytes: Buffer, options: OutlineOptions): ParsedJson {
  const { wanted, maxElements = 1000, onMember } = options
  const { length } = bytes
  let left = options.maxSteps ?? usualSteps
  let at = 0

  const spend = (steps: number): void => {
    left -= steps
    if (left < 0) throw new Problem('too-much')
  }
  /** The next byte that is no space; -1 at the end. */
  const peek = (): number => {
    const stop = Math.min(length, at + left + 1)
    let to = at
    while (to < stop && isSpace(bytes[to])) to += 1
    spend(to - at)
    at = to
    return bytes[to] ?? -1
  }
  const expect = (byte: number): void => {
    if (peek() !== byte) throw new Problem('not-json')
    at += 1
  }

  /** From its first quote to behind its last one. */
  const skipString = (): void => {
    const end = endOfString(bytes, at, spend)
    if (end === -1) throw new Problem('not-json')
    at = end
  }

  /** A list or an object, with all that is in it. */
  const skipNest = (): void => {
    const end = endOfNest(bytes, at, left, spend)
    if (end === -1) throw new Problem('not-json')
    at = end
  }

  const string = (): string => {
    const from = at
    skipString()
    if (at - from - 2 > outlinedLength) {
      return bytes.toString('utf8', from + 1, from + outlinedLength + 2)
    }
    return isPlain(from + 1, at - 1)
      ? bytes.toString('latin1', from + 1, at - 1)
      : (literal(from) as string)
  }
  /** Whether it says what stands there: most names do, and to parse each would take longest of all. */
  const isPlain = (from: number, to: number): boolean => {
    for (let of = from; of < to; of += 1) {
      const byte = bytes[of] as number
      if (byte < 0x20 || byte > 0x7e || byte === backslash) return false
    }
    spend(to - from)
    return true
  }
  const literal = (from: number): unknown => {
    spend(memberSteps)
    const parsed = parseJson(bytes.toString('utf8', from, at))
    if (!parsed.ok) throw new Problem('not-json')
    return parsed.value
  }
  const scalar = (): unknown => {
    const from = at
    const stop = Math.min(length, at + left + 1)
    for (; at < stop; at += 1) {
      const byte = bytes[at] as number
      if (byte === comma || byte <= 0x20 || kinds[byte] === 3) break
    }
    spend(at - from)
    if (at - from <= outlinedLength) return literal(from)
    // Only a number may be so long, and this one is none that anybody counts with.
    const beginning = bytes.toString('latin1', from, from + outlinedLength)
    if (!/^-?\d[\d.eE+-]*$/.test(beginning)) throw new Problem('not-json')
    return Number.POSITIVE_INFINITY
  }

  const value = (level: number, path?: string): unknown => {
    const first = peek()
    if (first === quote) return string()
    if (first === openObject) {
      if (level <= levels) return object(level, path)
      skipNest()
      return {}
    }
    if (first === openList) {
      if (level === 1) return list()
      skipNest()
      return []
    }
    return scalar()
  }
  const skip = (): void => {
    const first = peek()
    if (first === quote) skipString()
    else if (first === openObject || first === openList) skipNest()
    else scalar()
  }

  const checkOnce = (name: string, members: ReadonlyMap<string, unknown>): void => {
    if (members.has(name) || (!wanted.has(name) && folded?.has(foldCase(name)) === true)) {
      throw new Problem('not-json')
    }
  }
  const folded = options.isStrict === true ? new Set([...wanted].map(foldCase)) : undefined

  const object = (level: number, path?: string): unknown => {
    const members = new Map<string, unknown>()
    expect(openObject)
    if (peek() === closeObject) {
      at += 1
      return {}
    }
    for (;;) {
      spend(memberSteps)
      if (peek() !== quote) throw new Problem('not-json')
      const name = string()
      if (options.isStrict === true) checkOnce(name, members)
      expect(colon)
      if (!wanted.has(name)) skip()
      else if (onMember === undefined || path === undefined) members.set(name, value(level + 1))
      else {
        const inner = path + name
        peek()
        const from = at
        members.set(name, value(level + 1, `${inner}/`))
        onMember(inner, from, at)
      }
      if (peek() === closeObject) {
        at += 1
        return Object.fromEntries(members)
      }
      expect(comma)
    }
  }

  const list = (): unknown[] => {
    const elements: unknown[] = []
    expect(openList)
    if (peek() === closeList) {
      at += 1
      return elements
    }
    for (;;) {
      if (elements.length === maxElements) throw new Problem('too-much')
      // An element is looked into as if it stood alone, but a list in it is none of messages.
      elements.push(peek() === openList ? (skipNest(), []) : value(1))
      if (peek() === closeList) {
        at += 1
        return elements
      }
      expect(comma)
    }
  }

  try {
    const found = value(1, '')
    if (peek() !== -1) return notJson
    return { ok: true, value: found }
  } catch (thrown) {
    if (thrown instanceof Problem) return thrown.why === 'too-much' ? tooMuch : notJson
    throw thrown
  }
}
