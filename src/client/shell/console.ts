/** Where commands come from, and where what is said in between goes. */
export interface Console {
  /** Whether a person is there. */
  readonly isTerminal: boolean
  /** Of the command that came last; in a script. */
  lineNumber(): number
  /** The next command; undefined when there will be none. */
  next(prompt: string): Promise<string | undefined>
  /** Puts another prompt before what is being typed. */
  changePrompt(prompt: string): void
  /** Says something without disturbing what is being typed or asked. */
  tell(text: string): void
  /** `signal`: the user wants what is being done to stop. */
  whileBusy<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>
  /** Runs a question, which needs the keyboard for itself. */
  atKeyboard<T>(turn: () => Promise<T>): Promise<T>
  close(): void
}
