/** What was set up, to be taken down in the opposite order. */
export interface Teardown<How> {
  add(step: (how: How) => unknown): void
  /**
   * Takes every step, whatever becomes of the others, and each only once: who calls again waits for
   * the same.
   *
   * @throws what the first step that failed threw
   */
  run(how: How): Promise<void>
}

export function createTeardown<How>(): Teardown<How> {
  const steps: ((how: How) => unknown)[] = []
  let running: Promise<void> | undefined

  async function takeAll(how: How): Promise<void> {
    const failures: unknown[] = []
    for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
      try {
        await step(how)
      } catch (thrown) {
        failures.push(thrown)
      }
    }
    if (failures.length > 0) throw failures[0]
  }

  return {
    add: (step) => void steps.push(step),
    run: (how) => (running ??= takeAll(how)),
  }
}
