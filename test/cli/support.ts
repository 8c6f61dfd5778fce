import { spawn } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import type { TestContext } from 'node:test'

import { tempDir } from '../support/temp.ts'
import { isBrief, runBrief } from './command-host.ts'
import { installed } from './installed.ts'

export interface Outcome {
  code: number | null
  stdout: string
  stderr: string
}

/** The built command as a process of its own, with nobody at its stdin. */
export function start(t: TestContext, ...args: string[]): ChildProcessWithoutNullStreams {
  const { command, env } = installed(tempDir(t))
  const child = spawn(process.execPath, [command, ...args], { stdio: 'pipe', env })
  t.after(() => child.kill('SIGKILL'))
  child.stdin.end()
  return child
}

export function outcomeOf(child: ChildProcessWithoutNullStreams): Promise<Outcome> {
  const outcome: Outcome = { code: null, stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (outcome.stdout += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (outcome.stderr += chunk))
  return new Promise((resolve) => {
    child.once('close', (code) => resolve({ ...outcome, code }))
  })
}

export function berth(t: TestContext, ...args: string[]): Promise<Outcome> {
  if (!isBrief(args)) return outcomeOf(start(t, ...args))
  const { command: script, env } = installed(tempDir(t))
  return runBrief({ script, words: args, cwd: process.cwd(), env })
}
