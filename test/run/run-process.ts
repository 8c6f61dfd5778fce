import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from 'node:test'
import { pathToFileURL } from 'node:url'

import type { TestEvent } from './events.ts'
import type { TestFile } from './files.ts'
import { longEnoughMs } from '../support/patience.ts'
import { announced } from './shared-process.ts'
import type { Progress } from './shared-process.ts'
import { sortOut } from './sort-out.ts'
import type { SortedOut } from './sort-out.ts'

export interface RunProcessOptions {
  /** Where the programs are written that the processes run. */
  folder: string
  /** A process in which no test begins or ends for so long is stopped. */
  silentMs: number
  signal: AbortSignal
  /** Called when a test is done, while its file may still run. */
  onTest: () => void
}

const sharedProcess = pathToFileURL(join(import.meta.dirname, 'shared-process.js')).href
let processes = 0

/**
 * One `run()` of node:test for each process, and not one for all: up to Node 22 a time limit counts
 * for the whole file, events of a second file are kept back until the first is done, and nothing
 * lets a file run alone.
 */
export async function runProcess(
  files: readonly TestFile[],
  { folder, silentMs, signal, onTest }: RunProcessOptions,
): Promise<SortedOut> {
  processes += 1
  const program = join(folder, `${processes}.mjs`)
  const progressFile = join(folder, `${processes}.json`)
  writeFileSync(program, programOf(files, progressFile))
  const stop = new AbortController()
  const watchdog = createWatchdog(silentMs, () => {
    const why = new Error(`nothing happened for ${silentMs / 1000} s; the process was stopped`)
    why.stack = why.message // Where it is made says nothing of the test.
    stop.abort(why)
  })
  const stream = run({
    files: [program],
    concurrency: 1,
    signal: AbortSignal.any([stop.signal, signal]),
  })
  const events: TestEvent[] = []
  for await (const event of stream as AsyncIterable<TestEvent>) {
    watchdog.see(event)
    if (event.type === 'test:complete') onTest()
    events.push(event)
  }
  watchdog.end()
  return sortOut(events, { files, program, progress: readProgress(progressFile) })
}

function programOf(files: readonly TestFile[], progressFile: string): string {
  const list = files.map(({ name, compiled }) => ({ name, url: pathToFileURL(compiled).href }))
  return [
    `import { runHere } from ${JSON.stringify(sharedProcess)}`,
    `await runHere(${JSON.stringify(list, null, 2)}, ${JSON.stringify(progressFile)})`,
    '',
  ].join('\n')
}

function readProgress(file: string): Progress | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Progress
  } catch {
    return undefined // it died before it said anything
  }
}

function createWatchdog(silentMs: number, bite: () => void) {
  // To load what they need takes processes long on a busy machine, and is not silence.
  let timer = setTimeout(bite, Math.max(silentMs, longEnoughMs))
  return {
    see({ type, data }: TestEvent) {
      if (type !== 'test:dequeue' && type !== 'test:complete') return
      if (announced(data.name) !== undefined) return
      clearTimeout(timer)
      timer = setTimeout(bite, silentMs)
    },
    end: () => clearTimeout(timer),
  }
}
