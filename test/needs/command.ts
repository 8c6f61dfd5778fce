import { execFile } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'

export interface CommandOptions {
  env: NodeJS.ProcessEnv
  signal: AbortSignal
  cwd?: string
  /** Default 60 000. */
  timeoutMs?: number
}

export interface CommandResult {
  ok: boolean
  stdout: string
  stderr: string
  /** In a line, why it is not ok. */
  why: string
}

/** Runs a command without stdin and waits for it; that it fails is an answer, not an exception. */
export function runCommand(
  file: string,
  args: readonly string[],
  { env, signal, cwd, timeoutMs = 60_000 }: CommandOptions,
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = execFile(
      file,
      args,
      {
        env,
        signal,
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
        maxBuffer: 64 * 1024 * 1024,
        ...(cwd === undefined ? {} : { cwd }),
      },
      (error, stdout, stderr) => {
        const timedOut = error?.killed === true
        const why = timedOut ? `not done after ${timeoutMs / 1000} s` : lastComplaint(stderr)
        resolve({ ok: error === null, stdout, stderr, why: why || (error?.message ?? '') })
      },
    )
    child.stdin?.end()
  })
}

/** The executable of that name in the folders of a PATH. */
export function findExecutable(name: string, path = ''): string | undefined {
  return path
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isExecutable)
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

// The last line that says it is an error, else the last line.
function lastComplaint(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trim())
  const full = lines.filter((line) => line !== '')
  return full.findLast((line) => /^(E:|error)/i.test(line)) ?? full.at(-1) ?? ''
}
