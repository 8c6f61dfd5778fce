import { spawn } from 'node:child_process'

import type { Clock } from '../ground/clock.ts'
import { guarded } from '../ground/guarded.ts'
import type { SecretCommand } from './options.ts'

/** For whom a secret is asked: what of it is undefined is not told. */
export interface SecretQuestion {
  iss: string
  sub: string | undefined
  /** Value of the claim that `userKey` names. */
  key: string | undefined
  name: string
}

export interface SecretAnswer {
  /** Undefined when it failed, or printed nothing. */
  value: string | undefined
  /** How it failed, in words. */
  how: string | undefined
  /** What it wrote to stderr, without anything that it wrote to stdout. */
  said: string
}

/** Asks `secrets.command`. @throws the reason of `signal` */
export type AskCommand = (question: SecretQuestion, signal: AbortSignal) => Promise<SecretAnswer>

/** So many run at once: whoever opens sessions by the hundred is not to fill the machine. */
const atOnce = 8
const outputBytes = 64 * 1024

export function createSecretCommand(command: SecretCommand, clock: Clock): AskCommand {
  const waiting: (() => void)[] = []
  let running = 0
  const turn = (): Promise<void> | undefined => {
    if (running < atOnce) running += 1
    else return new Promise((resolve) => waiting.push(resolve))
    return undefined
  }
  const endTurn = (): void => {
    const next = waiting.shift()
    if (next === undefined) running -= 1
    else next()
  }
  return async (question, signal) => {
    await turn()
    try {
      signal.throwIfAborted()
      return await run(command, question, { clock, signal })
    } catch (thrown) {
      signal.throwIfAborted()
      return { value: undefined, how: `could not be started (${codeOf(thrown)})`, said: '' }
    } finally {
      endTurn()
    }
  }
}

function run(
  { words: [program = '', ...args], cwd, env, timeoutMs }: SecretCommand,
  { iss, sub, key, name }: SecretQuestion,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<SecretAnswer> {
  const asked = Object.entries({
    BERTH_CALLER_ISS: iss,
    BERTH_CALLER_SUB: sub,
    BERTH_CALLER_KEY: key,
    BERTH_SECRET_NAME: name,
  }).filter(([, value]) => value !== undefined)
  // Of a variable with a NUL the error would quote the value.
  if (asked.some(([, value]) => value?.includes('\0') === true)) {
    return Promise.resolve({ value: undefined, how: 'was not run: a claim has a NUL', said: '' })
  }
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      env: { ...env, ...Object.fromEntries(asked) },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A process group of its own, so that all of it can be killed.
      detached: true,
    })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    let bytes = 0
    let stopped: string | undefined
    const stop = (how: string): void => {
      stopped ??= how
      if (child.pid !== undefined) {
        try {
          process.kill(-child.pid, 'SIGKILL')
        } catch {
          // It has ended, and only what it left behind holds its pipes.
        }
      }
      child.stdout.destroy()
      child.stderr.destroy()
    }
    const keep = (into: Buffer[], chunk: Buffer): void => {
      bytes += chunk.length
      if (bytes > outputBytes) stop(`wrote more than ${outputBytes} bytes`)
      else into.push(chunk)
    }
    child.stdout.on(
      'data',
      guarded((chunk: Buffer) => keep(stdout, chunk), reject),
    )
    child.stderr.on(
      'data',
      guarded((chunk: Buffer) => keep(stderr, chunk), reject),
    )
    const limit = clock.after(timeoutMs, () => stop(`took longer than ${timeoutMs} ms`))
    const onAbort = guarded(() => stop('was called off'), reject)
    signal.addEventListener('abort', onAbort, { once: true })

    const settle = (failed: string | undefined): void => {
      limit.cancel()
      signal.removeEventListener('abort', onAbort)
      if (signal.aborted) {
        reject(signal.reason as Error)
        return
      }
      const printed = Buffer.concat(stdout).toString('utf8')
      const value = printed.replace(/\r?\n$/, '')
      const how = stopped ?? failed ?? (value === '' ? 'printed nothing' : undefined)
      const said = without(value, Buffer.concat(stderr).toString('utf8'))
      resolve({ value: how === undefined ? value : undefined, how, said })
    }
    const failed = (error: Error): void => settle(`could not be started (${codeOf(error)})`)
    child.once('error', guarded(failed, reject))
    const closed = (code: number | null, killedBy: string | null): void => {
      const isWell = code === 0
      settle(
        isWell ? undefined : killedBy === null ? `exited with ${code ?? 0}` : `got ${killedBy}`,
      )
    }
    child.once('close', guarded(closed, reject))
  })
}

const codeOf = (thrown: unknown): string =>
  thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'no reason'

/** A program that says what it does may say the value as well: as a whole, or a line of it. */
function without(value: string, said: string): string {
  const pieces = [value, ...value.split('\n')].map((piece) => piece.trim()).filter(Boolean)
  return pieces.reduce((left, piece) => left.replaceAll(piece, '…'), said)
}
