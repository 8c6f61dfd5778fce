import { writeFileSync } from 'node:fs'
import test from 'node:test'

/** How far a process is, for whoever finds it dead. */
export type Progress =
  | { phase: 'loading' | 'running'; name: string; test?: string }
  /** Every test is done; only hooks may be left. */
  | { phase: 'ending' }

const mark = 'test file: '
export const couldNotLoad = 'the file could not be loaded'

/** The name of the test file that this test only announces, or undefined for a real test. */
export function announced(name: string | undefined): string | undefined {
  return name?.startsWith(mark) ? name.slice(mark.length) : undefined
}

/**
 * Runs test files in this process. Nothing of them begins before all are loaded, and a test that
 * does nothing stands before those of each file, so that the reports tell whose test is whose. A
 * file that cannot be loaded fails under its own name, and leaves the others alone.
 */
export async function runHere(
  files: readonly { name: string; url: string }[],
  progressFile: string,
): Promise<void> {
  const say = (progress: Progress): void => {
    writeFileSync(progressFile, JSON.stringify(progress))
  }
  let begin = (): void => undefined
  const loaded = new Promise<void>((resolve) => (begin = resolve))
  // Tests of a file run one after the other, so this one keeps back all that follow.
  void test(mark, () => loaded)
  test.after(() => say({ phase: 'ending' }))
  let current = ''
  test.beforeEach((t) => {
    if ('name' in t) say({ phase: 'running', name: current, test: t.name })
  })
  for (const { name, url } of files) {
    say({ phase: 'loading', name })
    void test(mark + name, () => {
      current = name
      say({ phase: 'running', name })
    })
    try {
      await import(url)
    } catch (error) {
      void test(couldNotLoad, () => {
        throw error
      })
    }
  }
  begin()
}
