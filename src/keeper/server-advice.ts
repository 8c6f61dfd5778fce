/** What an operator should know of a server that has begun to write. */
export interface Advice {
  readonly given: Promise<string | undefined>
  /** The first call counts. */
  give(text: string | undefined): void
}

export function createAdvice(): Advice {
  let give: Advice['give'] = () => undefined
  const given = new Promise<string | undefined>((resolve) => (give = resolve))
  return { given, give }
}
