import type { ServerResponse } from 'node:http'

/** The responses of the keeper that are still on their way, so that it does not leave before them. */
export interface Outbox {
  add(response: ServerResponse): void
  /** What is sent in another way: lets it leave, and says whether all of it has. */
  also(leave: () => boolean): void
  /** Settles when every response has been handed to the system or has lost its reader. */
  emptied(limitMs: number): Promise<void>
}

const lookEveryMs = 2

export function createOutbox(): Outbox {
  const open = new Set<ServerResponse>()
  const others: (() => boolean)[] = []
  let onEmpty = (): void => undefined

  return {
    add(response) {
      open.add(response)
      response.once('close', () => {
        open.delete(response)
        if (open.size === 0) onEmpty()
      })
    },
    also: (leave) => void others.push(leave),
    emptied: (limitMs) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (open.size > 0) return
          if (others.every((leave) => leave())) resolve()
          else setTimeout(look, lookEveryMs)
        }
        onEmpty = look
        look()
        // A reader that has stopped reading is not waited for.
        setTimeout(resolve, limitMs)
      }),
  }
}
