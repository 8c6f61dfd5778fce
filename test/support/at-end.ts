import type { Owner } from './temp.ts'

type Ending = () => Promise<void> | void

const endings = new WeakMap<Owner, Ending[]>()

/**
 * Like `t.after`, but the last one registered runs first, so that a client closes before the
 * server that it talks to. All run, even if one fails; the first failure is the test's.
 */
export function atEnd(t: Owner, ending: Ending): void {
  const known = endings.get(t)
  if (known !== undefined) {
    known.push(ending)
    return
  }
  const stack = [ending]
  endings.set(t, stack)
  t.after(() => unwind(t, stack))
}

async function unwind(t: Owner, stack: Ending[]): Promise<void> {
  const failures: unknown[] = []
  for (let ending = stack.pop(); ending !== undefined; ending = stack.pop()) {
    try {
      await ending()
    } catch (error) {
      failures.push(error)
    }
  }
  // Later, because node runs no hook after one that throws.
  if (failures.length > 0) t.after(() => Promise.reject(asError(failures[0])))
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
