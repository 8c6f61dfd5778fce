import type { ServerResponse } from 'node:http'

import type { Clock, Timer } from '../ground/clock.ts'

/** The gateways that are there: each holds a connection open as long as it lives. */
export interface Company {
  add(connection: ServerResponse): void
  /** Calls `fn` once, when there has been none for so long; that begins now if there is none. */
  onMissed(ms: number, fn: () => void): void
}

export function createCompany(clock: Clock): Company {
  const open = new Set<ServerResponse>()
  let missed: (() => Timer) | undefined
  let timer: Timer | undefined

  return {
    add(connection) {
      open.add(connection)
      timer?.cancel()
      connection.once('close', () => {
        open.delete(connection)
        if (open.size === 0) timer = missed?.()
      })
    },
    onMissed(ms, fn) {
      missed = () => clock.after(ms, fn)
      if (open.size === 0) timer = missed()
    },
  }
}
