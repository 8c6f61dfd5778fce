import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'

import type { Clock } from '../../ground/clock.ts'
import { guarded, tellFault } from '../../ground/guarded.ts'
import { removeFile } from '../../ground/removal.ts'
import { sealProgram } from './seal-program.ts'
import { templateProgram } from './template-program.ts'

/** What a template is made of: servers with the same share one. */
export interface TemplateKind {
  interpreter: string
  flags: string[]
  /** `auto`: what its servers import. */
  modules: readonly string[] | 'auto'
  /** Servers: that which is run, and other texts that it is given. What they take of modules is loaded. */
  reads: readonly { kind: 'file' | 'module'; targets: readonly string[] }[]
  cwd: string
  /** That of the server, without what is a session's alone. Secret. */
  env: Record<string, string>
  /** Set for one whose forks go into sandboxes: folders outside that sessions may write. */
  exposed?: readonly string[]
}

/** Where forks are asked for. The nonce is secret. */
export interface Door {
  socketPath: string
  nonce: string
  /** The interpreter itself, whatever the command leads to. */
  python: string
}

/** A Python process that has loaded modules, started again when it has crashed. */
export interface Template {
  /** Undefined as long as it cannot be forked: whoever needs a server starts it plainly. */
  door(): Door | undefined
  /** Ends it; what was forked from it goes on. */
  close(): Promise<void>
}

export interface TemplateNews {
  onReady(startMs: number): void
  /** It will never be one, as things are: why, in words. */
  onFailed(why: string): void
  onCrashed(how: string): void
  onUsed(outcome: 'forked' | 'refused', server: string, why: string): void
}

/** Room for the environment of a fork, where its own stands: /proc shows no other. */
const room = { BERTH_ROOM: ' '.repeat(8 * 1024) }
const firstPauseMs = 1000
const longestPauseMs = 60_000
const mostLeftOut = 20
/** A line of its own has less. */
const lineMaxBytes = 64 * 1024

export function startTemplate(
  kind: TemplateKind,
  { clock, runtimeDir, news }: { clock: Clock; runtimeDir: string; news: TemplateNews },
): Template {
  const onFault = tellFault('a template')
  let door: Door | undefined
  let child: ChildProcess | undefined
  let isClosed = false
  let pauseMs = firstPauseMs
  let ended = Promise.resolve()
  const leftOut: string[] = []
  const { modules, reads } = kind
  const named = modules === 'auto' ? [] : modules
  const wanted = (): readonly string[] => [
    ...named,
    ...reads.map((read) => `@${[read.kind, ...read.targets].join('\t')}`),
    ...leftOut.map((name) => `!${name}`),
  ]
  const { interpreter, flags, exposed } = kind
  const words =
    exposed === undefined
      ? [interpreter, ...flags, '-c', templateProgram]
      : [interpreter, '-I', '-S', '-c', sealProgram, templateProgram, ...exposed, '--', ...flags]

  const start = (): void => {
    if (isClosed) return
    const socketPath = join(runtimeDir, `${randomBytes(6).toString('hex')}.sock`)
    const nonce = randomBytes(24).toString('base64url')
    const own = spawn('setpriv', ['--pdeathsig', 'KILL', ...words], {
      cwd: kind.cwd,
      env: { ...kind.env, ...room },
      // Ctrl-C at the terminal is the gateway's.
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    })
    child = own
    const lastWords = createLastWords(own)
    let hasFailed = false
    let isAgain = false
    const beganAtMs = clock.now()
    const told = (line: string): void => {
      const [what, ...more] = line.split('\t')
      if (what === 'ready') {
        door = { socketPath, nonce, python: more[0] ?? kind.interpreter }
        news.onReady(clock.now() - beganAtMs)
      } else if (what === 'failed' || what === 'never') {
        const [module = '', why = '', details = ''] = more
        if (what === 'failed' && !named.includes(module) && leftOut.length < mostLeftOut) {
          // What was found by itself may be left out by itself.
          leftOut.push(module)
          isAgain = true
          return
        }
        hasFailed = true
        news.onFailed(`${module} ${why}${details === '' ? '' : ` (${details})`}`)
      } else if (what === 'forked' || what === 'refused') {
        if (what === 'forked') pauseMs = firstPauseMs
        // Who has gone before it said so is of no server.
        const [server = '', why = ''] = more
        if (server !== '') news.onUsed(what, server, why)
      }
    }
    const gone = (how: string): void => {
      removeFile(socketPath)
      const wasReady = door !== undefined
      door = undefined
      if (isClosed || hasFailed) return
      if (isAgain) {
        start()
        return
      }
      // What has never been ready would not be the next time either.
      if (!wasReady) {
        news.onFailed(`${kind.interpreter} ended before it was ready: ${lastWords() || how}`)
        return
      }
      news.onCrashed(how)
      clock.after(pauseMs, start)
      pauseMs = Math.min(2 * pauseMs, longestPauseMs)
    }
    ended = new Promise((resolve) => {
      const over = (how: string): void => {
        resolve()
        gone(how)
      }
      const exit = (code: number | null, signal: string | null): void =>
        over(signal ?? `exit code ${code ?? 'unknown'}`)
      own.once('exit', guarded(exit, onFault))
      own.once(
        'error',
        guarded((error: Error) => over(error.message), onFault),
      )
    })
    own.stdin.on('error', () => undefined) // its end is told by `exit`
    const asked = [socketPath, nonce, ...wanted(), ...(exposed ?? []).map((one) => `~${one}`)]
    own.stdin.write(`${asked.join('\n')}\n\n`)
    const report = own.stdio[3] as NodeJS.ReadableStream | null
    report?.on('data', guarded(createLines(told), onFault))
    // None of it keeps this process alive.
    own.unref()
    for (const stream of own.stdio) (stream as { unref?: () => void } | null)?.unref?.()
  }
  start()

  return {
    door: () => door,
    async close() {
      isClosed = true
      door = undefined
      child?.ref()
      child?.kill('SIGKILL')
      await ended
    },
  }
}

function createLines(tell: (line: string) => void): (chunk: Buffer) => void {
  let rest = ''
  return (chunk) => {
    const lines = (rest + chunk.toString('utf8')).split('\n')
    rest = (lines.pop() ?? '').slice(0, lineMaxBytes)
    for (const line of lines) tell(line)
  }
}

/** What it has written last: one line, for a message. */
function createLastWords(child: ChildProcess): () => string {
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    const said = (chunk: Buffer): void => {
      text = (text + chunk.toString('utf8')).slice(-2000)
    }
    stream?.on('data', guarded(said, tellFault('what a template says')))
  }
  return () => text.trim().split('\n').at(-1)?.slice(0, 200) ?? ''
}
