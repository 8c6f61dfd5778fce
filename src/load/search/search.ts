import { buildAutomaton } from './automaton.ts'
import { canaryLength } from './canaries.ts'
import type { Form, FormName } from './forms.ts'
import { formsOf } from './forms.ts'

/** A canary that was met, or as much of one as the stream had. */
export interface Find {
  canary: string
  form: FormName
  /** What stood around its beginning, for people. */
  around: string
}

/** Looks through one stream of bytes, in whatever pieces it comes. */
export interface Scan {
  push(chunk: Uint8Array): void
  /** There comes no more: what has only begun is a find, too. */
  end(): void
}

export interface Search {
  scan(onFind: (find: Find) => void): Scan
  /** How many bytes were looked through, in all scans. */
  bytes(): number
}

interface Pending {
  form: Form
  rest: string
  missing: number
  around: string
}

const aroundBytes = 60

/**
 * All canaries of a run begin with its marker, so that it is enough to look for that, in all the
 * forms that it may have: the search takes the same time for one session as for a million.
 */
export function createSearch(marker: string): Search {
  const forms = formsOf(marker)
  const { next, ended } = buildAutomaton(forms.map(({ word }) => word))
  let searched = 0

  return {
    bytes: () => searched,
    scan(onFind) {
      let state = 0
      let pending: Pending[] = []

      const finish = ({ form, rest, around }: Pending): void =>
        onFind({ canary: marker + form.read(rest), form: form.name, around })

      /** Reads on behind a marker; rare, so that it may be slow. */
      const collect = (byte: number): void => {
        for (const one of pending) {
          one.rest += String.fromCharCode(byte)
          one.missing -= 1
          if (one.missing === 0) finish(one)
        }
        pending = pending.filter(({ missing }) => missing > 0)
      }

      return {
        push(chunk) {
          searched += chunk.length
          // Not for-of: this is the one loop of the driver in which time is spent.
          for (let at = 0; at < chunk.length; at += 1) {
            const byte = chunk[at] ?? 0
            state = next[state * 256 + byte] ?? 0
            if (pending.length > 0) collect(byte)
            const word = ended[state] ?? 0
            if (word === 0) continue
            const form = forms[word - 1]
            if (form === undefined) continue
            const missing = form.restBytes(canaryLength)
            pending.push({ form, rest: '', missing, around: aroundOf(chunk, at) })
          }
        },
        end() {
          for (const one of pending) finish(one)
          pending = []
          state = 0
        },
      }
    },
  }
}

function aroundOf(chunk: Uint8Array, at: number): string {
  const from = Math.max(0, at - aroundBytes)
  return Buffer.from(chunk.subarray(from, at + aroundBytes)).toString('latin1')
}
