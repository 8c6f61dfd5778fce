import { fork } from 'node:child_process'
import { setMaxListeners } from 'node:events'
import { fileURLToPath } from 'node:url'

import { mergeResults } from './merge.ts'
import type { LoadPlan } from './plan.ts'
import type { FromDriver, ToDriver } from './process.ts'
import type { LoadResult, RunOptions, Snapshot } from './run.ts'
import { runLoad } from './run.ts'

const program = fileURLToPath(new URL('process.js', import.meta.url))

/** Drives the plan in so many processes, or in this one. */
export async function spread(
  plan: LoadPlan,
  processes: number,
  options: RunOptions,
): Promise<LoadResult> {
  if (processes === 1) return runLoad(plan, options)
  const snapshots: (Snapshot | undefined)[] = []
  const parts = shares(plan, processes)
  let opening = parts.length
  let allOpen: () => void = () => undefined
  const whenAllOpen = new Promise<void>((resolve) => (allOpen = resolve))
  const over = new AbortController()
  setMaxListeners(0, options.signal, over.signal)
  const driven = parts.map((share, at) =>
    driveElsewhere(share, over.signal, {
      signal: options.signal,
      onSnapshot(snapshot) {
        snapshots[at] = snapshot
        options.onSnapshot(addUp(snapshots.filter((one) => one !== undefined)))
      },
      onOpened() {
        opening -= 1
        if (opening === 0) allOpen()
        return whenAllOpen
      },
    }),
  )
  try {
    return mergeResults(await Promise.all(driven))
  } finally {
    // Where one has failed, the others wait for it.
    over.abort()
  }
}

/** The same with numbers that never meet. */
export function shares(plan: LoadPlan, processes: number): LoadPlan[] {
  const part = (whole: number, at: number): number =>
    Math.floor((whole * (at + 1)) / processes) - Math.floor((whole * at) / processes)
  return Array.from({ length: processes }, (_, at) => ({
    ...plan,
    firstNumber: plan.firstNumber + at,
    stride: plan.stride * processes,
    sessions: part(plan.sessions, at),
    calls: plan.calls === null ? null : part(plan.calls, at),
    ratePerSecond: plan.ratePerSecond === null ? null : plan.ratePerSecond / processes,
    openAtOnce: Math.max(1, part(plan.openAtOnce, at)),
    chaos: plan.chaos && { ...plan.chaos, everyMs: plan.chaos.everyMs * processes },
  })).filter(({ sessions }) => sessions > 0)
}

function driveElsewhere(
  plan: LoadPlan,
  over: AbortSignal,
  { signal, onSnapshot, onOpened }: Required<RunOptions>,
): Promise<LoadResult> {
  const child = fork(program, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const say = (message: ToDriver): void => void child.send(message)
  const stop = (): void => say({ kind: 'stop' })
  signal.addEventListener('abort', stop, { once: true })
  over.addEventListener('abort', () => child.kill('SIGKILL'), { once: true })
  return new Promise<LoadResult>((resolve, reject) => {
    child.on('message', (message: FromDriver) => {
      if (message.kind === 'snapshot') onSnapshot(message.snapshot)
      else if (message.kind === 'opened') void onOpened().then(() => say({ kind: 'go' }))
      else if (message.kind === 'result') resolve(message.result)
      else reject(new Error(message.message))
    })
    child.once('error', reject)
    child.once('exit', (code, by) => {
      signal.removeEventListener('abort', stop)
      reject(
        new Error(`A process of the load test ended early (${by ?? `exit code ${code ?? ''}`}).`),
      )
    })
    say({ kind: 'begin', plan })
  })
}

function addUp(snapshots: readonly Snapshot[]): Snapshot {
  const sum = (figure: (snapshot: Snapshot) => number): number =>
    snapshots.reduce((total, snapshot) => total + figure(snapshot), 0)
  const [first] = [...snapshots].sort((a, b) => a.elapsedMs - b.elapsedMs)
  return {
    phase: first?.phase ?? 'opening',
    elapsedMs: Math.max(...snapshots.map(({ elapsedMs }) => elapsedMs)),
    open: sum(({ open }) => open),
    exchanges: sum(({ exchanges }) => exchanges),
    failures: sum(({ failures }) => failures),
    leaks: sum(({ leaks }) => leaks),
  }
}
