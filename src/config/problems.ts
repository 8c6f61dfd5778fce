import { closest } from '../ground/closest.ts'
import { GatewayError } from '../ground/errors.ts'
import { plainLine } from '../ground/terminal.ts'

/** Keys and list positions from the top of the file. */
export type Path = readonly (string | number)[]

/** One thing that is wrong, without any value of the file or the environment. */
export interface Problem {
  /** `mcpServers.fetch.args[1]`, a variable of the environment, or empty for the whole file. */
  path: string
  message: string
}

/** Gathers all that is wrong, so that nobody has to start ten times to learn of ten mistakes. */
export interface Problems {
  add(path: Path | string, message: string): void
  readonly found: readonly Problem[]
  /**
   * @param what name of the configuration, for the first line of the message
   * @throws ERR_CONFIG_INVALID when there is any; `details.problems` is a list of Problem
   */
  throwIfAny(what: string): void
}

/** @param named what a path is called where it was not written in a file. */
export function createProblems(named: (path: string) => string = (path) => path): Problems {
  const found: Problem[] = []
  return {
    found,
    add(path, message) {
      found.push({ path: named(typeof path === 'string' ? path : showPath(path)), message })
    },
    throwIfAny(what) {
      if (found.length === 0) return
      const lines = found.map(
        ({ path, message }) => `  ${plainLine(`${path === '' ? '' : `${path}: `}${message}`)}`,
      )
      const head = `${what} has ${found.length === 1 ? 'a problem' : `${found.length} problems`}:`
      throw new GatewayError('ERR_CONFIG_INVALID', {
        params: { problems: [head, ...lines].join('\n') },
        details: { problems: found },
      })
    },
  }
}

export function showPath(path: Path): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    if (!/^[$\w-]+$/.test(part)) return `${text}[${JSON.stringify(part)}]`
    return text === '' ? part : `${text}.${part}`
  }, '')
}

/** ` Did you mean x?`, or nothing. */
export function didYouMean(word: string, names: Iterable<string>): string {
  const name = closest(word, names)
  return name === undefined ? '' : ` Did you mean ${name}?`
}

/** `agrs (did you mean args?)`, or the word alone. */
export function withMeant(word: string, names: Iterable<string>): string {
  const name = closest(word, names)
  return name === undefined ? word : `${word} (did you mean ${name}?)`
}

/** `a, b and c`. */
export function listed(words: readonly string[], last = 'and'): string {
  if (words.length < 2) return words.join('')
  return `${words.slice(0, -1).join(', ')} ${last} ${words.at(-1) ?? ''}`
}
