import { createHash } from 'node:crypto'

/**
 * The name of each server in its URL: at most 64 letters, digits, dots, dashes and underscores. A
 * name that is so already stays. Others are written in ASCII as far as that can be done (`Café`
 * becomes `Cafe`); where letters are lost, or the result is taken, a short hash of the name follows
 * (`日本語` becomes `server-77710a`), so that the same name always has the same URL.
 */
export function urlNames(written: readonly string[]): Map<string, string> {
  const names = new Map<string, string>()
  const taken = new Set(written.filter(fits))
  for (const name of written) {
    const own = fits(name) ? name : (asciiNames(name).find((short) => !taken.has(short)) ?? '')
    names.set(name, own)
    taken.add(own)
  }
  return names
}

const fits = (name: string): boolean => /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)

/** What may stand for it, the best first; the hashes differ, so that one of them is free. */
function asciiNames(name: string): string[] {
  const { slug, isWhole } = slugOf(name)
  const hashes = Array.from({ length: 20 }, (_, index) => hashOf(name, index))
  const hashed = hashes.map((hash) => `${slug.slice(0, 57).replace(/-+$/, '') || 'server'}-${hash}`)
  return isWhole && slug !== '' ? [slug, ...hashed] : hashed
}

function hashOf(name: string, index: number): string {
  const text = `${name.normalize('NFC')}${index === 0 ? '' : `#${index}`}`
  return createHash('sha256').update(text).digest('hex').slice(0, 6)
}

/** Letters that have no accent to be taken off. */
const latin: Readonly<Record<string, string>> = {
  ...{ ß: 'ss', ẞ: 'SS', æ: 'ae', Æ: 'AE', œ: 'oe', Œ: 'OE', ø: 'o', Ø: 'O', ł: 'l', Ł: 'L' },
  ...{ đ: 'd', Đ: 'D', ð: 'd', Ð: 'D', þ: 'th', Þ: 'Th', ı: 'i', ħ: 'h', Ħ: 'H' },
}

function slugOf(name: string): { slug: string; isWhole: boolean } {
  const plain = name
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/\P{ASCII}/gu, (letter) => latin[letter] ?? letter)
  const slug = plain
    .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 64)
    .replace(/-+$/, '')
  // Signs and pictures may go; a letter that goes was a part of the name.
  const isWhole = !/[\p{L}\p{N}]/u.test(plain.replaceAll(/\p{ASCII}/gu, ''))
  return { slug, isWhole }
}
