import type { Owner } from '../support/temp.ts'

/** What a benchmark may use: whatever it starts is ended after it, also on Ctrl-C. */
export interface Bench extends Owner {
  /** Aborted on Ctrl-C. */
  readonly signal: AbortSignal
  say(line: string): void
}

export interface Benchmark {
  name: string
  about: string
  run(bench: Bench): Promise<void>
}

type Ending = () => Promise<void> | void

/** Endings run in the order in which they were registered; they may register further ones. */
export function createBench(signal: AbortSignal): Bench & { end(): Promise<void> } {
  const endings: Ending[] = []
  return {
    signal,
    say: (line) => void process.stdout.write(`${line}\n`),
    after: (ending) => void endings.push(ending),
    async end() {
      for (let ending = endings.shift(); ending !== undefined; ending = endings.shift()) {
        try {
          await ending()
        } catch (error) {
          // The others have to run all the same.
          process.stderr.write(`${String(error)}\n`)
        }
      }
    },
  }
}
