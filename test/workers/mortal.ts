import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

import type { BerthEvents } from '../../src/ground/events.ts'
import type { LocalSpec, Outlives, WorkerHandle } from '../../src/workers/driver.ts'
import { atEnd } from '../support/at-end.ts'
import { compiled } from '../support/config.ts'
import type { Owner } from '../support/temp.ts'

/** What `test/fixtures/mortal-gateway.ts` is told. */
export interface MortalOptions {
  stateDir: string
  installation: string
  store: string
  starts: { driver: string; spec: LocalSpec }[]
  /** Set where all of them were started ahead and are claimed at once. */
  claims?: Outlives
}

/** A gateway in a process of its own, whose workers outlive it. */
export interface Mortal {
  pid: number
  /** Of its workers, in the order in which they were told. */
  handles: WorkerHandle[]
  /** The ends that it has told of so far. */
  ends: BerthEvents['worker.exited'][]
  /** Asks it to end, and gives its exit code. */
  leave(): Promise<unknown>
  /** Kills it as nothing can be caught, and settles when it is gone. */
  kill(): Promise<void>
}

export async function startMortal(t: Owner, options: MortalOptions): Promise<Mortal> {
  const program = compiled('test/fixtures/mortal-gateway.js')
  const gateway = spawn(process.execPath, [program, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(gateway, 'exit')
  const kill = async (): Promise<void> => {
    gateway.kill('SIGKILL')
    await exited
  }
  atEnd(t, kill)
  const lines = createInterface({ input: gateway.stdout })
  const [line] = (await Promise.race([
    once(lines, 'line'),
    exited.then(([code]) => Promise.reject(new Error(`it ended with exit code ${String(code)}`))),
  ])) as [string]
  const ends: Mortal['ends'] = []
  lines.on('line', (each) => ends.push(JSON.parse(each) as Mortal['ends'][number]))
  return {
    pid: gateway.pid ?? 0,
    handles: JSON.parse(line) as WorkerHandle[],
    ends,
    async leave() {
      gateway.kill('SIGTERM')
      const [code] = (await exited) as [unknown]
      return code
    },
    kill,
  }
}
