import { createHmac, randomBytes } from 'node:crypto'

/**
 * Letters and digits whose codes have no letter in hexadecimal, so that every way of escaping them
 * looks one way only; and whose base64 has neither of the two characters that differ in base64url.
 */
const alphabet = '0123456789abcdefghipqrstuvwxy'
const markerLength = 8
const numberLength = 5
const secretLength = 18

export const canaryLength = markerLength + numberLength + secretLength

/** What all processes of one run share: of it every canary of every session follows. */
export interface CanarySeed {
  /** The beginning of all canaries of this run, and of nothing else in the world. */
  marker: string
  /** Hex. Whoever has it can make canaries, so it never leaves the driver. */
  secret: string
}

export interface Canaries {
  /** The canary of a session, by its number in the run. */
  of(session: number): string
  /** Whose canary this is; undefined for one that was never drawn, or of which only a part is left. */
  ownerOf(canary: string): number | undefined
}

export function drawSeed(): CanarySeed {
  return {
    marker: spell(randomBytes(markerLength)),
    secret: randomBytes(32).toString('hex'),
  }
}

/** Canaries are computed and not kept: a run of any length takes the same memory. */
export function createCanaries({ marker, secret }: CanarySeed): Canaries {
  const of = (session: number): string => {
    const mac = createHmac('sha256', secret).update(String(session)).digest()
    return marker + spellNumber(session) + spell(mac.subarray(0, secretLength))
  }
  return {
    of,
    ownerOf(canary) {
      const number = readNumber(canary.slice(markerLength, markerLength + numberLength))
      return number !== undefined && of(number) === canary ? number : undefined
    },
  }
}

function spell(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => alphabet.charAt(byte % alphabet.length)).join('')
}

function spellNumber(number: number): string {
  let text = ''
  for (let rest = number; text.length < numberLength; rest = Math.floor(rest / alphabet.length)) {
    text = alphabet.charAt(rest % alphabet.length) + text
  }
  return text
}

function readNumber(text: string): number | undefined {
  let number = 0
  for (const character of text) {
    const digit = alphabet.indexOf(character)
    if (digit < 0) return undefined
    number = number * alphabet.length + digit
  }
  return text.length === numberLength ? number : undefined
}
