import { closeSync, openSync, readSync, realpathSync } from 'node:fs'
import { basename } from 'node:path'

import { programIn } from './programs.ts'

/** A command line that runs Python, taken apart. */
export interface PythonCommand {
  /** As it has to be started: a name in PATH, or a path. */
  interpreter: string
  /** Its own options, such as `-u`. */
  flags: string[]
  kind: 'file' | 'module'
  /** The words as Python itself would get them … */
  words: string[]
  /** … and where in them that stands which it runs; its arguments follow. */
  at: number
}

const pythonName = /^python(\d(\.\d+)?)?$/
/** Options with nothing behind them, which may stand together. */
const plainOptions = /^-[bBdEIOPqsSuvx]+$/
/** Options whose value may be the next word. */
const withValue = ['-W', '-X', '--check-hash-based-pycs']

/**
 * Takes a command line apart that runs a file or a module in Python, by the interpreter itself or by
 * a program that names it in its `#!` line (`fastmcp run server.py`).
 *
 * @param searchPath PATH of the server
 * @returns or why it cannot be taken for one, in words
 */
export function readPythonCommand(
  command: string,
  args: readonly string[],
  searchPath: string,
): PythonCommand | string {
  if (pythonName.test(basename(command))) return readWords(command, [command, ...args])
  const file = command.includes('/') ? command : programIn(command, searchPath)
  const line = file === undefined ? undefined : interpreterLine(file)
  if (file === undefined || line === undefined) {
    return `${basename(command)} is no Python and no program of one. Start the server with the Python that it runs in, such as .venv/bin/python server.py`
  }
  const [interpreter = '', ...flags] = line
  return readWords(interpreter, [interpreter, ...flags, file, ...args])
}

function readWords(interpreter: string, words: string[]): PythonCommand | string {
  for (let at = 1; at < words.length; at += 1) {
    const word = words[at] ?? ''
    if (word === '-m') return found('module', at + 1)
    if (/^-m./.test(word) || word === '-c' || word === '-' || word.startsWith('-i')) break
    if (!word.startsWith('-')) return found('file', at)
    if (withValue.includes(word)) at += 1
    else if (!plainOptions.test(word) && !/^-[WX]./.test(word)) break
  }
  return 'a template runs python FILE and python -m MODULE, and nothing else'

  function found(kind: PythonCommand['kind'], at: number): PythonCommand | string {
    const flags = words.slice(1, kind === 'module' ? at - 1 : at)
    return at < words.length
      ? { interpreter, flags, kind, words, at }
      : 'there is no module behind -m'
  }
}

/** The words of a `#!` line that leads to Python, also the long form that pip writes. */
function interpreterLine(file: string): string[] | undefined {
  const [first = '', second = ''] = beginningOf(file).split('\n')
  const long = /^'''exec'\s+"?([^"]+?)"?\s+"\$0" "\$@"/.exec(second)?.[1]
  if (/^#!\s*\/bin\/sh\s*$/.test(first)) {
    return long !== undefined && pythonName.test(basename(long)) ? [long] : undefined
  }
  const words = /^#!\s*(\S.*?)\s*$/.exec(first)?.[1]?.split(/\s+/) ?? []
  if (basename(words[0] ?? '') === 'env') words.shift()
  return pythonName.test(basename(words[0] ?? '')) ? words : undefined
}

function beginningOf(file: string): string {
  try {
    const fd = openSync(realpathSync(file), 'r')
    try {
      const buffer = Buffer.alloc(1024)
      return buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, 0))
    } finally {
      closeSync(fd)
    }
  } catch {
    return ''
  }
}
