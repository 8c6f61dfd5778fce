import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'

import { compiled } from '../support/config.ts'

export interface Asked {
  id: number
  /** As it was called. */
  script: string
  words: string[]
  cwd: string
  env: NodeJS.ProcessEnv
}

export interface Answered {
  code: number | null
  stdout: string
  stderr: string
}

/** Commands that do one thing, start no process that outlives them, and end. */
const brief = new Set([
  'call',
  'client-config',
  'prompts',
  'resources',
  'runtimes',
  'sessions',
  'tools',
])

/** Whether a command line needs no process of its own: to load the program takes longest. */
export const isBrief = ([command = '', ...words]: readonly string[]): boolean =>
  brief.has(command) || (command === 'check' && !words.includes('--start'))

interface Host {
  child: ChildProcess
  waiting: Map<number, (answered: Answered) => void>
}

let host: Host | undefined
let count = 0

/** Runs a command line in a process that is there for all of this one. */
export async function runBrief(asked: Omit<Asked, 'id'>): Promise<Answered> {
  const { child, waiting } = (host ??= startHost())
  const id = (count += 1)
  const answered = new Promise<Answered>((resolve) => waiting.set(id, resolve))
  child.ref()
  child.channel?.ref()
  child.send({ id, ...asked } satisfies Asked)
  return answered
}

function startHost(): Host {
  const child = fork(compiled('test/fixtures/command-host.js'), [], { execArgv: [] })
  const waiting: Host['waiting'] = new Map()
  const rest = (): void => {
    child.unref()
    child.channel?.unref()
  }
  child.on('message', ({ id, answered }: { id: number; answered: Answered }) => {
    waiting.get(id)?.(answered)
    waiting.delete(id)
    if (waiting.size === 0) rest()
  })
  child.once('exit', (code) => {
    host = undefined
    for (const resolve of waiting.values()) resolve({ code, stdout: '', stderr: 'it has exited' })
  })
  return { child, waiting }
}
