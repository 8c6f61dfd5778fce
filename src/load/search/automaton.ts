/** Finds any of several words in bytes that come in pieces, one look at a table for each byte. */
export interface Automaton {
  /** `next[state * 256 + byte]`; 0 is the state at the start. */
  next: Uint16Array
  /** Which word has just ended in this state, counted from 1; 0 for none. */
  ended: Uint8Array
}

/** Aho and Corasick, 1975, with the failure links already followed. No word may end in another. */
export function buildAutomaton(words: readonly Buffer[]): Automaton {
  const size = words.reduce((total, word) => total + word.length, 1)
  const next = new Uint16Array(size * 256)
  const ended = new Uint8Array(size)
  let count = 1
  for (const [index, word] of words.entries()) {
    let state = 0
    for (const byte of word) {
      const at = state * 256 + byte
      if (next[at] === 0) next[at] = count++
      state = next[at] ?? 0
    }
    ended[state] = index + 1
  }
  linkFailures(next)
  return { next, ended }
}

function linkFailures(next: Uint16Array): void {
  const fail = new Uint16Array(next.length / 256)
  const queue = [...next.subarray(0, 256)].filter((state) => state !== 0)
  for (const state of queue) {
    for (let byte = 0; byte < 256; byte += 1) {
      const at = state * 256 + byte
      const child = next[at] ?? 0
      const elsewhere = next[(fail[state] ?? 0) * 256 + byte] ?? 0
      if (child === 0) {
        next[at] = elsewhere
      } else {
        fail[child] = elsewhere
        queue.push(child)
      }
    }
  }
}
