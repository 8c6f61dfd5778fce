import type { Owner } from '../support/temp.ts'

/** What was asked for on the command line. */
export interface BenchOptions {
  /** The folder of an older build of Berth, which is measured beside this one. */
  against: string | undefined
  /** Fewer cells and fewer turns, for a first look. */
  isShort: boolean
  /** How often each contestant is started anew; V8's young generation has two states per start. */
  starts: number
}

/** What a benchmark may use: whatever it starts is ended after it, also on Ctrl-C. */
export interface Bench extends Owner {
  /** Aborted on Ctrl-C. */
  readonly signal: AbortSignal
  readonly options: BenchOptions
  say(line: string): void
}

export interface Benchmark {
  name: string
  about: string
  /** Only when it is named. */
  isLong?: true
  run(bench: Bench): Promise<void>
}

type Ending = () => Promise<void> | void

const usual: BenchOptions = { against: undefined, isShort: false, starts: 3 }

/** Endings run in the order in which they were registered; they may register further ones. */
export function createBench(
  signal: AbortSignal,
  options: BenchOptions = usual,
): Bench & { end(): Promise<void> } {
  const endings: Ending[] = []
  return {
    signal,
    options,
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
