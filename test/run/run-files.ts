import type { TestEvent } from './events.ts'
import type { TestFile } from './files.ts'
import type { RunProcessOptions } from './run-process.ts'
import { runProcess } from './run-process.ts'

export interface RunFilesOptions extends RunProcessOptions {
  concurrency: number
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
