/** One word of a command, and where it begins in the line. */
export interface Word {
  text: string
  start: number
}

export interface Words {
  words: Word[]
  /** The quote that was not closed. */
  open: '"' | "'" | undefined
}

/**
 * Splits a line as a shell would, without variables and the like: spaces part words, quotes hold
 * them together, a backslash takes what follows as it is (but not in single quotes).
 */
export function wordsOf(line: string): Words {
  const words: Word[] = []
  let open: Words['open']
  let word: Word | undefined
  for (let at = 0; at < line.length; at++) {
    const char = line.charAt(at)
    if (open === undefined && /\s/.test(char)) {
      word = undefined
      continue
    }
    if (word === undefined) {
      word = { text: '', start: at }
      words.push(word)
    }
    if (char === open) open = undefined
    else if (open === undefined && (char === '"' || char === "'")) open = char
    else if (char === '\\' && open !== "'" && at + 1 < line.length) {
      at += 1
      word.text += line.charAt(at)
    } else word.text += char
  }
  return { words, open }
}

/** So that `wordsOf` reads it as this one word. */
export function quoted(text: string): string {
  if (text !== '' && !/[\s"'\\]/.test(text)) return text
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`
}

/** What follows the command's own word, with the options taken out. */
export interface Input {
  /** The words after the command. */
  words: string[]
  /** The line from the word of this number on, as it was typed. */
  from(index: number): string
  json: boolean
  /** `--answer KEY=VALUE` */
  answers: [string, string][]
}

export type ReadLine = { command: string; input: Input } | { problem: string }

/** Reads a line that has at least one word. */
export function readLine(line: string): ReadLine {
  const { words: all, open } = wordsOf(line)
  const [command, ...rest] = all
  const words: Word[] = []
  const answers: [string, string][] = []
  let json = false
  let end = line.length
  for (let index = 0; index < rest.length; index++) {
    const word = rest[index]
    if (word === undefined) break
    if (isJsonAt(line, word)) {
      // A text with spaces and quotes of its own, to the end of the line.
      const option = /\s--json\s*$/.exec(line.slice(word.start))
      if (option) {
        json = true
        end = word.start + option.index
      }
      words.push({ text: line.slice(word.start, end), start: word.start })
      return { command: command?.text ?? '', input: inputOf(words) }
    }
    if (word.text === '--json') json = true
    else if (word.text === '--answer') {
      index += 1
      const [, key, value] = /^([^=]+)=(.*)$/s.exec(rest[index]?.text ?? '') ?? []
      if (key === undefined || value === undefined) return { problem: 'Write --answer key=value.' }
      answers.push([key, value])
    } else words.push(word)
  }
  if (open !== undefined) return { problem: `The quote ${open} is not closed.` }
  return { command: command?.text ?? '', input: inputOf(words) }

  function inputOf(found: Word[]): Input {
    return {
      words: found.map(({ text }) => text),
      from: (index) => line.slice(found[index]?.start ?? end, end).trim(),
      json,
      answers,
    }
  }
}

const isJsonAt = (line: string, { start }: Word): boolean => line.charAt(start) === '{'
