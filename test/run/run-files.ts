import type { TestEvent } from './events.ts'
import type { TestFile } from './files.ts'
import { runProcess } from './run-process.ts'

export interface RunFilesOptions {
  concurrency: number
  /** Where the programs are written that the processes run. */
  folder: string
  /** A process in which no test begins or ends for so long is stopped. */
  silentMs: number
  signal: AbortSignal
  /** Called when a test is done, while its file may still run. */
  onTest: () => void
  /** Takes the events of a process, when it is done. */
  onProcess: (events: TestEvent[]) => void
}

/** Runs groups of files, each in a process of its own; those that want to be alone after the others. */
export async function runFiles(
  groups: readonly TestFile[][],
  options: RunFilesOptions,
): Promise<void> {
  const isAlone = (group: TestFile[]): boolean => group.some(({ alone }) => alone)
  const waiting = groups.filter((group) => !isAlone(group))
  const work = async (): Promise<void> => {
    for (let group = waiting.shift(); group !== undefined; group = waiting.shift()) {
      await runGroup(group, options)
    }
  }
  await Promise.all(Array.from({ length: options.concurrency }, work))
  waiting.push(...groups.filter(isAlone))
  await work()
}

/** A file in which its process dies takes no other file with it: those run again without it. */
async function runGroup(group: TestFile[], options: RunFilesOptions): Promise<void> {
  let left = group
  while (left.length > 0 && !options.signal.aborted) {
    const { events, again } = await runProcess(left, options)
    options.onProcess(events)
    left = again
  }
}
