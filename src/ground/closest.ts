/** The one of `names` that was probably meant, if any is near enough. */
export function closest(word: string, names: Iterable<string>): string | undefined {
  const meant = plain(word)
  const limit = Math.min(3, Math.max(1, Math.floor(meant.length / 3)))
  let best: { name: string; steps: number } | undefined
  for (const name of names) {
    const begins = meant.length >= 4 && plain(name).startsWith(meant)
    const steps = begins ? 0 : distance(meant, plain(name))
    if (steps <= limit && steps < (best?.steps ?? Infinity)) best = { name, steps }
  }
  return best?.name
}

const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '')

/** Edits from one word to the other; two neighbours changing places are one. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)]
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Infinity
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    rows.push(row)
    for (let j = 1; j <= b.length; j++) {
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row[j] = Math.min(
        at(i - 1, j) + 1,
        at(i, j - 1) + 1,
        at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1),
        swapped ? at(i - 2, j - 2) + 1 : Infinity,
      )
    }
  }
  return at(a.length, b.length)
}
