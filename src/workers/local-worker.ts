import { setImmediate as nextTurn } from 'node:timers/promises'

import type { Clock } from '../ground/clock.ts'
import type { Outlives, Usage, Worker, WorkerExit } from './driver.ts'
import type { KeeperClient } from './keeper-client.ts'
import type { KeeperLife } from './keeper-life.ts'
import { outlivingOf } from './keeper-start.ts'
import type { KeeperExit } from '../keeper/protocol.ts'
import type { Marker } from './markers.ts'
import { endpointOf } from './process-handle.ts'
import type { Remains } from './remains.ts'
import { exitOf, outOfMemoryOf, readExit } from './remains.ts'

/** Turns of the event loop in which everything that is in our sockets has been read. */
const readingTurns = 8

/** What a keeper gets beyond the grace of its server before it is killed. */
const keeperMs = 3000

/** A keeper that stands still for so long is of no use to the session that waits for it. */
const claimMs = 5000

/** A worker of this machine, whoever started it, as its keeper is spoken to and watched. */
export function createLocalWorker(options: {
  clock: Clock
  marker: Marker
  client: KeeperClient
  life: KeeperLife
  remains: Remains
  /** Its keeper knows that it has a session now. */
  onClaimed?: (outlives: Outlives | undefined) => void
}): Worker {
  const { clock, client, life, remains } = options
  const { handle, directory, nonce } = options.marker
  const group = remains.groupOf(handle)
  let exit: KeeperExit | undefined
  let used: Usage | undefined
  let stopping: Promise<void> | undefined

  const exited = life.ended.then(async (end): Promise<WorkerExit> => {
    exit = life.told() ?? readExit(directory)
    used = together(exit?.usage, group?.usage())
    const kills = group?.oomKills() ?? 0
    await remains.clear(handle, end)
    // What it wrote last is in our sockets, and whoever hears of its end stops reading.
    for (let turn = 0; turn < readingTurns; turn += 1) await nextTurn()
    const seen = exitOf(exit, end)
    // Its keeper would know. Asked to end, it may have had a child killed long before.
    const isOom = exit === undefined && kills > 0 && stopping === undefined
    return isOom ? outOfMemoryOf(seen) : seen
  })

  async function stop(graceMs: number): Promise<void> {
    const limit = clock.after(graceMs + keeperMs, life.kill)
    // A worker that outlives this process does not keep it alive; whoever stops one waits for it.
    const awake = setInterval(() => undefined, keeperMs)
    await client.call('POST', `/keeper/stop?graceMs=${graceMs}`).catch(() => {
      // It does not answer: gone already, or stuck. Both are settled by killing it.
      life.kill()
    })
    await exited
    clearInterval(awake)
    limit.cancel()
  }

  return {
    handle,
    endpoint: endpointOf(handle, nonce),
    exited,
    stop({ graceMs }) {
      stopping ??= stop(graceMs)
      return stopping
    },
    async lastLines() {
      if (exit !== undefined) return exit.lastLines
      const answer = await client.call('GET', '/keeper/lines').catch(() => undefined)
      return (answer?.body as string[] | undefined) ?? readExit(directory)?.lastLines ?? []
    },
    async usage() {
      if (used !== undefined) return used
      const answer = await client.call('GET', '/keeper/usage').catch(() => undefined)
      return together(answer?.body as Usage | undefined, group?.usage())
    },
    async claim(outlives) {
      const claim = outlives === undefined ? {} : { outlives: outlivingOf(outlives) }
      const late = new AbortController()
      const limit = clock.after(claimMs, () => late.abort())
      const answer = await client
        .call('POST', '/keeper/claim', claim, late.signal)
        .catch(() => undefined)
      limit.cancel()
      if (answer?.statusCode !== 204) return false
      options.onClaimed?.(outlives)
      return true
    },
    async leaveNote(text) {
      await client.call('PUT', '/keeper/note', text).catch(() => undefined)
    },
    async note() {
      const answer = await client.call('GET', '/keeper/note').catch(() => undefined)
      return typeof answer?.body === 'string' ? answer.body : undefined
    },
  }
}

/** What is counted for a whole group is exact; the rest is what the keeper has seen. */
function together(seen: Usage | undefined, group: Usage | undefined): Usage {
  const { cpuMs, peakMemoryBytes } = group ?? {}
  return {
    ...seen,
    ...(cpuMs === undefined ? {} : { cpuMs }),
    ...(peakMemoryBytes === undefined ? {} : { peakMemoryBytes }),
  }
}
