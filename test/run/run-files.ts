import { run } from 'node:test'
import type { TestFile } from './files.ts'

/** What node:test reports; only what is looked at here. */
export interface TestEvent {
  type: string
  data: {
    name?: string
    nesting?: number
    file?: string
    message?: string
    skip?: boolean | string
    todo?: boolean | string
    details?: { type?: string; error?: { failureType?: string } }
  }
}

export interface RunFilesOptions {
  concurrency: number
  /** A file in which no test begins or ends for so long is stopped. */
  silentMs: number
  signal: AbortSignal
  /** Called when a test is done, while its file may still run. */
  onTest: () => void
  /** Takes the events of one file, when it is done. */
  onFile: (file: TestFile, events: TestEvent[]) => void
}

/** Runs the files, each in a process of its own; those that want to be alone after the others. */
export async function runFiles(files: TestFile[], options: RunFilesOptions): Promise<void> {
  const waiting = files.filter(({ alone }) => !alone)
  const work = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      if (options.signal.aborted) return
      options.onFile(file, await runFile(file, options))
    }
  }
  await Promise.all(Array.from({ length: options.concurrency }, work))
  waiting.push(...files.filter(({ alone }) => alone))
  await work()
}

/**
 * One `run()` of node:test for each file, and not one for all: up to Node 22 a time limit counts
 * for the whole file, events of a second file are kept back until the first is done, and nothing
 * lets a file run alone.
 */
async function runFile(
  file: TestFile,
  { silentMs, signal, onTest }: RunFilesOptions,
): Promise<TestEvent[]> {
  const stop = new AbortController()
  const watchdog = createWatchdog(silentMs, (where) => {
    stop.abort(new Error(`${where} for ${silentMs / 1000} s; the file was stopped`))
  })
  const stream = run({
    files: [file.compiled],
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
  return events
}

function createWatchdog(silentMs: number, bite: (where: string) => void) {
  const running: string[] = []
  const bark = (): void => {
    // The first one is the file itself.
    const [, ...tests] = running
    const innermost = tests.at(-1)
    bite(innermost === undefined ? 'the file did not end' : `nothing happened in "${innermost}"`)
  }
  let timer = setTimeout(bark, silentMs)
  return {
    see({ type, data }: TestEvent) {
      if (type === 'test:dequeue') running.push(data.name ?? '')
      else if (type === 'test:complete') running.splice(running.lastIndexOf(data.name ?? ''), 1)
      else return
      clearTimeout(timer)
      timer = setTimeout(bark, silentMs)
    },
    end: () => clearTimeout(timer),
  }
}
