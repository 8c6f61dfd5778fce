import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'

import { messageOf } from '../../ground/errors.ts'

/** The commands that were typed, for the arrow keys. */
export interface History {
  /** Newest first, as `node:readline` wants them. */
  readonly lines: readonly string[]
  add(line: string): void
}

const mostLines = 1000
const mostBytes = 256 * 1024
const longestLine = 4096

/**
 * A file of mode 0600 that several shells may write to at once. A line that seems to have a secret
 * in it is kept in memory alone, and so is one that begins with a space.
 *
 * @param isSecret names an argument that the server itself calls a secret
 * @param warn is told once when the file cannot be used
 */
export function createHistory(
  file: string,
  isSecret: (line: string) => boolean,
  warn: (text: string) => void,
): History {
  let isUsable = true
  const lines = attempt(() => load(file)) ?? []

  function attempt<T>(work: () => T): T | undefined {
    if (!isUsable) return undefined
    try {
      return work()
    } catch (error) {
      isUsable = false
      warn(`What you type is not kept for the next time: ${messageOf(error)}`)
      return undefined
    }
  }

  return {
    lines,
    add(line) {
      const text = line.trim()
      if (text === '' || lines[0] === text) return
      lines.unshift(text)
      if (lines.length > mostLines) lines.pop()
      if (line.startsWith(' ') || text.length > longestLine) return
      if (looksSecret(text) || isSecret(text)) return
      attempt(() => appendFileSync(file, `${text}\n`, { mode: 0o600 }))
    },
  }
}

const secretNames =
  /["']?[\w-]*(password|passphrase|passwd|passcode|secret|token(?!s)|api[-_]?key|private[-_]?key|credential|authori[sz]ation)[\w-]*["']?\s*[=:]/i
const shortNames = /(?<![\w-])["']?(pass|pwd|pin|auth|key)["']?\s*[=:]/i
const secretTexts = /\b(Bearer|Basic)\s+\S{8}|\beyJ[\w-]{10,}\.|\b(sk|ghp|gho|xox[a-z])[-_]\w{12}/

function looksSecret(line: string): boolean {
  return [secretNames, shortNames, secretTexts].some((pattern) => pattern.test(line))
}

/** @throws the error of the file system. */
function load(file: string): string[] {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const found = statSync(file, { throwIfNoEntry: false })
  if (found === undefined) return []
  if (!found.isFile()) throw new Error(`${file} is not a file`)
  if ((found.mode & 0o077) !== 0) chmodSync(file, 0o600)
  const text = readFileSync(file, 'utf8')
  const all = text.split('\n').filter((line) => line !== '' && line.length <= longestLine)
  const kept = all.slice(-mostLines)
  if (all.length > 2 * mostLines || text.length > mostBytes) {
    writeFileSync(`${file}.new`, fitting(kept), { mode: 0o600 })
    renameSync(`${file}.new`, file)
  }
  return kept.reverse()
}

/** The newest lines that have room in half of the file. */
function fitting(lines: string[]): string {
  let text = ''
  for (const line of [...lines].reverse()) {
    if (text.length + line.length > mostBytes / 2) break
    text = `${line}\n${text}`
  }
  return text
}
