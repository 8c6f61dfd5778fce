const kibi = 1024
const kilo = 1000

/** `m` and `g` are left out: docker means powers of 1024 by them, Kubernetes powers of 1000. */
const unitBytes: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['b', 1],
  ['kib', kibi],
  ['mib', kibi ** 2],
  ['gib', kibi ** 3],
  ['tib', kibi ** 4],
  ['kb', kilo],
  ['mb', kilo ** 2],
  ['gb', kilo ** 3],
  ['tb', kilo ** 4],
])

const showUnits = ['KiB', 'MiB', 'GiB', 'TiB'] as const

/**
 * Bytes, as a number or with a unit: `512MiB`, `1.5 GiB`, `512MB` (powers of 1000), in any case.
 *
 * @returns whole bytes, at least 1; undefined when it is not a size
 */
export function parseSize(size: unknown): number | undefined {
  if (typeof size === 'number') return Number.isInteger(size) ? sane(size) : undefined
  if (typeof size !== 'string') return undefined
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(size.trim()) ?? []
  const each = unitBytes.get(unit.toLowerCase())
  if (digits === '' || each === undefined) return undefined
  if (each === 1 && digits.includes('.')) return undefined
  return sane(Math.round(Number(digits) * each))
}

/** In the largest unit of which there is one, with a digit behind the point if need be: `1.5GiB`. */
export function showSize(bytes: number): string {
  let shown = `${bytes}B`
  let size = bytes
  for (const unit of showUnits) {
    size /= kibi
    if (size < 1) break
    const rounded = Math.round(size * 10) / 10
    shown = `${rounded}${unit}`
  }
  return shown
}

const sane = (bytes: number): number | undefined =>
  Number.isSafeInteger(bytes) && bytes >= 1 ? bytes : undefined
