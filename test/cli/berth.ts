import { spawn } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:net'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { atEnd } from '../support/at-end.ts'
import { compiled } from '../support/config.ts'
import { need } from '../support/needs.ts'
import { longEnoughMs } from '../support/patience.ts'
import { tempDir } from '../support/temp.ts'
import { isBrief, runBrief } from './command-host.ts'
import { installed } from './installed.ts'

export const main = compiled('src/cli/main.js')
const terminalScript = join(
  import.meta.dirname,
  ...['..', '..', '..', 'test', 'fixtures', 'python', 'terminal.py'],
)

export interface Outcome {
  code: number | null
  stdout: string
  stderr: string
}

/** The command while it runs. */
export interface Running {
  child: ChildProcessWithoutNullStreams
  /** What it has said so far, stdout and stderr as they came. */
  said(): string
  /** Waits until all that it has said, without colours and the like, has something that fits. */
  says(fits: RegExp): Promise<RegExpExecArray>
  /** Settles when it has ended. */
  done: Promise<Outcome>
}

export interface Serving extends Running {
  url: string
  mcp(server: string): string
}

export interface RunOptions {
  /** Default: the folder of the place. */
  cwd?: string
  env?: NodeJS.ProcessEnv
  /** Passed by name as systemd does it. */
  sockets?: Record<string, Server>
}

/** A folder with a state directory beside it, where the shipped command can be run. */
export interface Place {
  folder: string
  stateDir: string
  /** Writes a file below the folder, as JSON unless it is a text, and gives its path. */
  put(name: string, content: unknown): string
  /**
   * Runs the command to its end, with nobody at its stdin. What is brief runs in a process that is
   * there already (`command-host.ts`); `start` has one of its own.
   */
  berth(args: string[], options?: RunOptions): Promise<Outcome>
  start(args: string[], options?: RunOptions): Running
  /** Starts `serve` on free ports; settles when it listens. */
  serve(args: string[], options?: RunOptions): Promise<Serving>
  /**
   * The same at a terminal, where `child.stdin` is the keyboard and everything is on stdout.
   * Undefined where there is no python3 to make one; the test is skipped then.
   */
  atTerminal(args: string[], options?: RunOptions): Running | undefined
  serveAtTerminal(args: string[], options?: RunOptions): Promise<Serving | undefined>
}

const freePorts = ['--listen-port', '0', '--admin-port', '0']

export function place(t: TestContext): Place {
  const root = tempDir(t)
  const folder = join(root, 'project')
  const stateHome = join(root, 'state')
  mkdirSync(folder)
  const { command: program, env: usual } = installed(root)

  const environment = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({
    ...plain(usual),
    XDG_STATE_HOME: stateHome,
    ...env,
  })
  const run = (words: string[], options: RunOptions = {}): Running => {
    const { cwd = folder, env = {}, sockets = {} } = options
    const [command = '', ...args] = words
    const child = spawn(command, args, {
      cwd,
      env: environment(env),
      stdio: ['pipe', 'pipe', 'pipe', ...Object.values(sockets).map(descriptorOf)],
    })
    return follow(t, child as ChildProcessWithoutNullStreams)
  }
  const start: Place['start'] = (args, options = {}) => {
    const words = [process.execPath, program, ...args]
    const names = Object.keys(options.sockets ?? {})
    if (names.length === 0) return run(words, options)
    const told = { LISTEN_FDS: String(names.length), LISTEN_FDNAMES: names.join(':') }
    // Only the process itself knows its pid before it runs.
    const shell = ['sh', '-c', 'LISTEN_PID=$$ exec "$@"', 'sh', ...words]
    return run(shell, { ...options, env: { ...options.env, ...told } })
  }
  const atTerminal: Place['atTerminal'] = (args, options = {}) => {
    const python = need(t, 'python3')
    if (python === undefined) return undefined
    const env = { TERM: 'xterm-256color', ...options.env }
    return run([python, terminalScript, process.execPath, program, ...args], { ...options, env })
  }
  const listening = async (running: Running): Promise<Serving> => {
    const [, url = ''] = await running.says(/listens on \S*?(http:\/\/[\w.:[\]]+)/)
    // The last line of what it says at its start.
    await running.says(/Watch: +mcp-berth/)
    return { ...running, url, mcp: (server) => `${url}/servers/${server}/mcp` }
  }

  return {
    folder,
    stateDir: join(stateHome, 'berth'),
    put(name, content) {
      const path = join(folder, name)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
      return path
    },
    berth(args, options = {}) {
      const { cwd = folder, env = {}, sockets } = options
      if (sockets === undefined && isBrief(args)) {
        return runBrief({ script: program, words: args, cwd, env: environment(env) })
      }
      const { child, done } = start(args, options)
      child.stdin.end()
      return done
    },
    start,
    serve: (args, options) => listening(start(['serve', ...freePorts, ...args], options)),
    atTerminal,
    async serveAtTerminal(args, options) {
      const running = atTerminal(['serve', ...freePorts, ...args], options)
      return running === undefined ? undefined : listening(running)
    },
  }
}

function descriptorOf(server: Server): number {
  return (server as unknown as { _handle: { fd: number } })._handle.fd
}

/** What a user has, and nothing that says that this is a test. */
export function plain(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const foreign = /^(BERTH_|npm_|NODE_TEST_CONTEXT$|CI$|FORCE_COLOR$|NO_COLOR$)/
  return Object.fromEntries(Object.entries(env).filter(([name]) => !foreign.test(name)))
}

function follow(t: TestContext, child: ChildProcessWithoutNullStreams): Running {
  const outcome: Outcome = { code: null, stdout: '', stderr: '' }
  let said = ''
  let hasEnded = false
  const listeners = new Set<() => void>()
  const tell = (): void => {
    for (const listener of listeners) listener()
  }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      outcome[name] += chunk
      said += chunk
      tell()
    })
  }
  // It may have ended before it reads what is typed.
  child.stdin.on('error', () => undefined)
  const done = new Promise<Outcome>((resolve) => {
    child.once('close', (code) => {
      hasEnded = true
      resolve({ ...outcome, code })
      tell()
    })
  })
  atEnd(t, async () => {
    if (!hasEnded) child.kill('SIGKILL')
    await done
  })
  return {
    child,
    said: () => said,
    done,
    says: (fits) =>
      new Promise((resolve, reject) => {
        const settle = (): void => {
          clearTimeout(limit)
          listeners.delete(look)
        }
        const look = (): void => {
          const found = fits.exec(stripVTControlCharacters(said))
          if (found !== null) {
            settle()
            resolve(found)
          } else if (hasEnded) {
            settle()
            reject(new Error(`it ended (${child.exitCode ?? ''}) without ${String(fits)}: ${said}`))
          }
        }
        const limit = setTimeout(() => {
          settle()
          reject(new Error(`it did not say ${String(fits)}, but: ${said}`))
        }, longEnoughMs)
        listeners.add(look)
        look()
      }),
  }
}
