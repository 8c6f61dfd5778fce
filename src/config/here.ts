import { isMap, type Tree } from './check.ts'
import { shownCommand, shownWords } from './describe.ts'
import { isProgram, type Environment } from './environment.ts'
import { transportWord } from './kind.ts'

const sseText =
  'HTTP+SSE is the transport of MCP 2024-11-05, deprecated since 2025-03-26, and Berth does not carry it. If the server has a Streamable HTTP address too (mostly it ends in /mcp), write that with type: http; else let a bridge speak to it: command: npx, args: [-y, mcp-remote, URL, --transport, sse-only].'

/**
 * Why Berth can never serve this entry, though another client can; undefined where nothing says so.
 *
 * @param client whose file it is, if that is known
 */
export function unservable(
  entry: Tree,
  { client, env }: { client: string | undefined; env: Environment },
): string | undefined {
  const { command, url, cwd, type, transport } = entry
  if (command !== undefined && url !== undefined) return undefined
  if ([type, transport].some((word) => transportWord(word) === 'sse')) return sseText
  if (command === undefined && url === undefined) {
    return client === undefined
      ? undefined
      : `there is neither a command nor a url, so ${client} alone can start it.`
  }
  if (typeof cwd === 'string' && isWindowsPath(cwd)) {
    return 'the cwd is a folder of Windows, which is not on this machine. Write one that is.'
  }
  return typeof command === 'string' ? windowsProblem(command, entry.args, env) : undefined
}

/** A drive, a share, or a variable as `cmd` has it. */
const isWindowsPath = (text: string): boolean =>
  /^[A-Za-z]:[\\/]|^\\\\[\w.-]+\\|^\.{1,2}\\|%[A-Za-z_][\w()]*%/.test(text)

function windowsProblem(command: string, args: unknown, env: Environment): string | undefined {
  // Under WSL programs of Windows are in PATH, and can be started.
  if (isProgram(command, env.PATH)) return undefined
  const program = command.split(/[\\/]/).at(-1) ?? ''
  const plain = program.replace(/\.(exe|cmd|bat|ps1|com)$/i, '')
  if (/^cmd$/i.test(plain)) {
    const words = Array.isArray(args) ? args.map(String) : []
    const line = words.filter((word) => !/^\/[a-z]$/i.test(word))
    const instead = line.length === 0 ? '' : ` Write command: ${asKeys(line)}`
    return `it is started with cmd, the shell of Windows, which is not on this machine.${instead}`
  }
  if (isWindowsPath(command) || plain !== program || command.includes('\\')) {
    const instead = /^[\w.-]+$/.test(plain) ? ` If ${plain} is installed here, write that.` : ''
    return `the command (${shownCommand(command, [])}) is a program of Windows, which is not on this machine.${instead}`
  }
  return undefined
}

/** In the form of a file, without what looks secret. */
function asKeys(words: readonly string[]): string {
  const [command = '', ...args] = shownWords(words)
  return args.length === 0 ? `${command}.` : `${command}, args: [${args.join(', ')}].`
}

/** Where else paths of Windows stand, which the server will not find. */
export function windowsPlaces(entry: Tree): string[] {
  const isPath = (text: unknown): boolean => typeof text === 'string' && isWindowsPath(text)
  const args = Array.isArray(entry.args) ? (entry.args as unknown[]) : []
  const env = Object.entries(isMap(entry.env) ? entry.env : {})
  return [
    ...args.flatMap((arg, index) => (isPath(arg) ? [`args[${index}]`] : [])),
    ...env.flatMap(([name, value]) => (isPath(value) ? [`env.${name}`] : [])),
  ]
}

/** How a command line in one text is written as a command and its arguments, where it is one. */
export function splitHint(
  command: string,
  { searchPath, literal }: { searchPath: string | undefined; literal: boolean },
): string {
  const words = command.trim().split(/\s+/)
  const [program = '', ...args] = words
  if (args.length === 0 || (program.includes('/') && !isProgram(program, searchPath))) return ''
  if (literal) return ` Leave out the quotes: -- ${shownWords(words).join(' ')}`
  return ` A command is one program: write command: ${asKeys(words)}`
}
