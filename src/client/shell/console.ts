/** Where commands come from, and where what is said in between goes. */
export interface Console {
  /** Whether a person is there. */
  readonly isTerminal: boolean
  /** Of the command that came last; in a script. */
  lineNumber(): number
  /**
   * The next command; undefined when there will be none.
   *
   * @param draft is in the line already
   */
  next(prompt: string, draft?: string): Promise<string | undefined>
  /** Says something without disturbing what is being typed or asked. */
  tell(text: string): void
  /** `signal`: the user wants what is being done to stop. */
  whileBusy<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>
  /** Runs a question, which needs the keyboard for itself. */
  atKeyboard<T>(turn: () => Promise<T>): Promise<T>
  close(): void
}
