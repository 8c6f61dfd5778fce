export interface Spellings {
  /** As a URI was written, and as often decoded as somebody may do that. */
  said: readonly string[]
  /** What a parser of URLs makes of each of them. */
  normal: readonly string[]
}

/** `FILE:///a/../b` and `file:///%62` are one file. */
export function spellings(uri: string): Spellings {
  const said = [uri]
  const normal = new Set<string>()
  let plain = uri
  // Who reads it may decode it twice; what changes for longer is no honest URI.
  for (let round = 0; ; round += 1) {
    if (URL.canParse(plain)) normal.add(new URL(plain).href)
    const next = decoded(plain)
    if (next === plain || round === 3) return { said, normal: [...normal] }
    plain = next
    said.push(plain)
  }
}

/**
 * All of these, and what a server may look for that takes no notice of the rest: the file `/a` of
 * `//a/?b#c`.
 */
export function loose(said: readonly string[], normal: readonly string[]): readonly string[] {
  const found = new Set(said)
  const add = (one: string): void => {
    found.add(one)
    if (one.endsWith('/')) found.add(one.slice(0, -1))
  }
  for (const href of normal) {
    const whole = until(href.replace(/^file:\/\/[^/]+/, 'file://'), '#')
    // Most are written plainly, and all of these are one.
    for (const one of new Set([href, whole, until(whole, '?')])) {
      for (const each of new Set([one, withoutDoubles(one)])) {
        add(each)
        add(decoded(each))
      }
    }
  }
  return [...found]
}

function until(text: string, mark: string): string {
  const at = text.indexOf(mark)
  return at === -1 ? text : text.slice(0, at)
}

/** But for those behind the scheme. */
function withoutDoubles(href: string): string {
  const colon = href.indexOf(':')
  const from = href.startsWith('//', colon + 1) ? colon + 3 : colon + 1
  if (!href.includes('//', from)) return href
  return href.slice(0, from) + href.slice(from).replaceAll(/\/{2,}/g, '/')
}

/** With each `%62` as the letter that it is. */
export function decoded(text: string): string {
  if (!text.includes('%')) return text
  return text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (bytes) =>
    Buffer.from(bytes.replaceAll('%', ''), 'hex').toString('utf8'),
  )
}
