import type { ServerResponse } from 'node:http'

/** The responses of the keeper that are still on their way, so that it does not leave before them. */
export interface Outbox {
  add(response: ServerResponse): void
  /** Settles when every response has been handed to the system or has lost its reader. */
  emptied(limitMs: number): Promise<void>
}

export function createOutbox(): Outbox {
  const open = new Set<ServerResponse>()
  let onEmpty = (): void => undefined

  return {
    add(response) {
      open.add(response)
      response.once('close', () => {
        open.delete(response)
        if (open.size === 0) onEmpty()
      })
    },
    emptied: (limitMs) =>
      new Promise((resolve) => {
        onEmpty = resolve
        if (open.size === 0) resolve()
        // A reader that has stopped reading is not waited for.
        setTimeout(resolve, limitMs)
      }),
  }
}
