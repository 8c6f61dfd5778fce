import { spawn } from 'node:child_process'
import { once } from 'node:events'

// Ends by itself when its time is up or its parent has gone, whatever becomes of who started it.
const loop = `
const untilMs = Date.now() + Number(process.argv[1])
const parent = process.ppid
while (Date.now() < untilMs && process.ppid === parent) {
  for (let turn = 0; turn < 1e7; turn += 1);
}`

/** Processes that take all the time of a processor that they get. */
export function startBusyLoops(count: number, limitMs: number): { stop: () => Promise<void> } {
  const children = Array.from({ length: count }, () =>
    spawn(process.execPath, ['-e', loop, String(limitMs)], { stdio: 'ignore' }),
  )
  return {
    async stop() {
      await Promise.all(
        children.map(async (child) => {
          if (child.exitCode !== null || child.signalCode !== null) return
          const exited = once(child, 'exit')
          child.kill('SIGKILL')
          await exited
        }),
      )
    },
  }
}
