import type { Readable, Writable } from 'node:stream'

import type { CalledAs } from './called-as.ts'

/** One option of a command: what `parseArgs` of node:util wants, and what the help says. */
export interface CommandOption {
  readonly type: 'string' | 'boolean'
  readonly short?: string
  /** May be given several times. */
  readonly multiple?: boolean
  /** What it stands for in the help, for instance `SECONDS`. Default: `VALUE`. */
  readonly value?: string
  readonly description: string
}
export type CommandOptions = Readonly<Record<string, CommandOption>>

/** Booleans are false unless given; strings undefined, and a list is empty. */
export type Values<O extends CommandOptions> = {
  [K in keyof O]: O[K]['type'] extends 'boolean'
    ? boolean
    : O[K]['multiple'] extends true
      ? string[]
      : string | undefined
}

export interface Context<O extends CommandOptions = CommandOptions> {
  positionals: string[]
  values: Values<O>
  /** Everything after `--`; undefined when there is no `--`. */
  rest: string[] | undefined
  stdin: Readable
  /** For what was asked for. Everything else goes to stderr. */
  stdout: Writable
  stderr: Writable
  /** The process's own. */
  env: Record<string, string | undefined>
  /** For every line with a command of Berth's in it: `mcp-berth COMMAND` becomes what was typed. */
  asCalled: CalledAs
  /** Aborted by the first SIGINT or SIGTERM; the second one ends the process. */
  signal: AbortSignal
}

/** One command of the CLI: its function and its help together. It contains no logic. */
export interface Command<O extends CommandOptions = CommandOptions> {
  readonly name: string
  /** One line for the list of commands, without a full stop. */
  readonly summary: string
  /** What stands after the name, for instance `URL TOOL [options]`. */
  readonly usage: string
  readonly options: O
  /** Whether it knows what to do with what stands after `--`. Default: it does not. */
  readonly takesRest?: boolean
  /** Whether others need it to go on when nobody reads what it says. Default: it ends then. */
  readonly servesOthers?: boolean
  /** Lines for `help COMMAND` after the options: examples, exit codes. */
  readonly details: readonly string[]
  /**
   * @returns the exit code: 0 when it did what was asked, 1 when it failed.
   * @throws UsageError for wrong use; anything else is a failure whose message is the sentence
   *   that the user is shown.
   */
  run(context: Context<O>): Promise<number>
}

/** Lets the type of the values follow from the options. */
export function defineCommand<const O extends CommandOptions>(command: Command<O>): Command<O> {
  return command
}

/** The command was used wrongly: the sentence and the usage are shown, the exit code is 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'UsageError'
  }
}
