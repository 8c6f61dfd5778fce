import { StringDecoder } from 'node:string_decoder'
import type { Writable } from 'node:stream'

import { isTerminal } from './terminal.ts'

/** What Berth draws with: colours, the cursor and what it erases. Nothing that makes a terminal answer. */
const drawn = String.raw`\u001b\[(?:[\d;]*[A-HJKfm]|[su]|\?(?:25|2004)[hl])|\u001b[78]`
/** Whatever else could begin a command, and characters that nobody sees or that turn the writing. */
const commands = String.raw`\u001b[PX\]^_][^\u0007\u001b\u009c]{0,4096}(?:\u0007|\u001b\\|\u009c)|\u001b\[[0-?]*[ -/]*[@-~]|\u001b[ -/]*[0-~]?|[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]`
const pattern = new RegExp(`(${drawn})|${commands}`, 'gu')
// Nearly all that is written has none of these.
const suspect = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad-\uffff]/

/** A text as it may reach a screen, whoever wrote it. */
export function onScreen(text: string): string {
  if (!suspect.test(text)) return text
  return text.replace(pattern, (_all, kept: string | undefined) => kept ?? '')
}

type Write = (chunk: unknown, ...more: unknown[]) => boolean

/**
 * The last door before a terminal: whatever this process writes there goes through it, prompts and
 * warnings of Node's included. Texts of servers are made plain where they are put into a line; what
 * was forgotten there can at most be coloured.
 */
export function guardScreen(out: Writable): void {
  if (!isTerminal(out)) return
  const write = out.write.bind(out) as Write
  const decoder = new StringDecoder('utf8')
  const guarded: Write = (chunk, ...more) => {
    const text = typeof chunk === 'string' ? chunk : decoder.write(chunk as Buffer)
    return write(onScreen(text), ...more)
  }
  out.write = guarded as typeof out.write
}
