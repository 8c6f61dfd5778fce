import { stripVTControlCharacters } from 'node:util'

import { parseJson } from '../ground/json.ts'
import { readMessages } from './messages.ts'

const oneLine = 'MCP over stdio is one JSON message a line'

/** What gives a server away that speaks, but not as MCP has it. In words that say what to do. */
const signs = {
  headers: `it puts Content-Length before its messages, as language servers do; ${oneLine}`,
  lines: `it writes a message over several lines; ${oneLine}`,
  noEnd: `it writes a message without a line end; ${oneLine}`,
  escapes:
    'there are escape sequences of terminals around its messages; start it without a terminal, and without colours (NO_COLOR=1)',
  words: 'there is other text on the line of a message; let it log to stderr',
  utf16: 'it writes UTF-16; let it write UTF-8',
  version: 'its messages lack "jsonrpc": "2.0"',
  id: 'it answers under another id than it was asked with',
  echo: 'it sends back what it is sent, as a terminal does',
} as const

export type Sign = keyof typeof signs
export const wordsOf = (sign: Sign): string => signs[sign]

const header = /^\s*content-(length|type)\s*:/i
const keptChars = 64 * 1024

/** Looks at the lines of a server that has not said anything yet that is a message. */
export interface FramingReader {
  /** @returns what a line that is no message shows, alone or with those before it */
  line(text: string): Sign | undefined
  /** The same of what has no line end yet. */
  unfinished(text: string): Sign | undefined
}

export function createFramingReader(): FramingReader {
  /** From a line that may begin a message on. */
  let block = ''

  return {
    line(whole) {
      const text = whole.slice(0, keptChars)
      if (header.test(text)) return 'headers'
      const sign = inOneLine(text)
      if (sign !== undefined) return sign
      if (block === '' && !/^\s*[{[]\s*$/.test(text)) return undefined
      block = block.length + text.length > keptChars ? '' : `${block}${text}\n`
      if (!/[}\]]\s*$/.test(text)) return undefined
      return isAnswer(block) ? 'lines' : undefined
    },
    unfinished(text) {
      if (header.test(text)) return 'headers'
      if (isMessage(text)) return 'noEnd'
      return inOneLine(text)
    },
  }
}

function inOneLine(text: string): Sign | undefined {
  const plain = text.replaceAll('\0', '')
  // Its mark of byte order is no UTF-8.
  if (plain !== text && isMessage(plain.replace(/^\ufffd+/, ''))) return 'utf16'
  const stripped = stripVTControlCharacters(plain)
  const at = stripped.search(/\{\s*"(jsonrpc|id|method|result)"/)
  if (at === -1) return undefined
  const json = stripped.slice(at, stripped.lastIndexOf('}') + 1)
  if (isAnswer(json)) return stripped === plain ? 'words' : 'escapes'
  return isAnswerWithoutVersion(json) ? 'version' : undefined
}

/** A text that is a message, or a batch of them. */
const isMessage = (text: string): boolean =>
  readMessages(text)?.messages.some(({ kind }) => kind !== 'invalid') === true

/** What was asked may stand in a log as well, but who writes an answer means to answer. */
const isAnswer = (text: string): boolean =>
  readMessages(text)?.messages.some(({ kind }) => kind === 'response') === true

function isAnswerWithoutVersion(json: string): boolean {
  const read = parseJson(json)
  if (!read.ok) return false
  const value = Object(read.value) as Record<string, unknown>
  return 'id' in value && ('result' in value || 'error' in value) && !('method' in value)
}
