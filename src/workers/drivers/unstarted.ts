import type { Endpoint, Worker, WorkerExit, WorkerHandle } from '../driver.ts'

/** The worker of a driver that starts nothing: it is there until it is let go of. */
export function unstartedWorker(handle: WorkerHandle, endpoint: Endpoint): Worker {
  let letGo: (exit: WorkerExit) => void
  const exited = new Promise<WorkerExit>((resolve) => (letGo = resolve))
  return {
    handle,
    endpoint,
    exited,
    stop() {
      letGo(lettingGo)
      return Promise.resolve()
    },
    lastLines: () => Promise.resolve([]),
    usage: () => Promise.resolve({}),
    claim: () => Promise.resolve(false),
    leaveNote: () => Promise.resolve(),
    note: () => Promise.resolve(undefined),
  }
}

export const lettingGo: WorkerExit = { code: null, signal: null, how: 'let go' }
