import { setTimeout as sleep } from 'node:timers/promises'
import { workerData } from 'node:worker_threads'

import { createClient } from './client.ts'
import type { PulseTask } from './pulse.ts'

/** Runs in a thread: see `pulse.ts`. */
const { config, script, keys, args, everyMs, beats, patience } = workerData as PulseTask
const said = new Int32Array(beats)
const client = await createClient(config)
const commands = client.commands()
let heard = -1
let silent = 0

// It is told by nobody: the next sign of life is due soon anyway.
const ignore = (): undefined => undefined

commands.on('error', () => undefined)
await commands.connect().catch(ignore)
for (;;) {
  await sleep(everyMs)
  const now = Atomics.load(said, 0)
  silent = now === heard ? silent + 1 : 0
  heard = now
  if (silent > patience) continue
  await commands.eval(script.lua, keys.length, ...keys, ...args).catch(ignore)
}
