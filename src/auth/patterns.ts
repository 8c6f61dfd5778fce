/** A text, cut at its stars. */
type Pieces = readonly string[]

/** Those of the configuration, which are few: they are looked at for each name of each list. */
const known = new Map<string, { own: Pieces; normal: Pieces | undefined }>()

/** Whether a pattern, in which `*` stands for any letters, is the whole of a name. */
export const fits = (pattern: string, name: string): boolean => isMade(cut(pattern).own, name)

/** The same, whether the pattern is written as a parser of URLs writes it or otherwise. */
export function fitsUri(pattern: string, uri: string): boolean {
  const { own, normal } = cut(pattern)
  return isMade(own, uri) || (normal !== undefined && isMade(normal, uri))
}

function cut(pattern: string): { own: Pieces; normal: Pieces | undefined } {
  let found = known.get(pattern)
  if (found === undefined) {
    const normal = URL.canParse(pattern) ? new URL(pattern).href : pattern
    found = { own: pattern.split('*'), normal: normal === pattern ? undefined : normal.split('*') }
    known.set(pattern, found)
  }
  return found
}

/** Piece by piece, so that no pattern takes long, whatever it is asked about. */
function isMade(pieces: Pieces, name: string): boolean {
  const first = pieces[0] as string
  const { length } = pieces
  if (length === 1) return name === first
  const last = pieces[length - 1] as string
  const end = name.length - last.length
  if (end < first.length || !name.startsWith(first) || !name.endsWith(last)) return false
  let at = first.length
  for (let of = 1; of < length - 1; of += 1) {
    const piece = pieces[of] as string
    const found = name.indexOf(piece, at)
    if (found === -1 || found + piece.length > end) return false
    at = found + piece.length
  }
  return true
}
