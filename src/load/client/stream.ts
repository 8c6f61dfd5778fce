import type { Carried, CarriedEnd, Carrier } from './carrier.ts'

/** The stream of a session's GET, opened again for as long as the session is. */
export interface Listening {
  /** Settles when the first answer has come: whether there is a stream. */
  ready: Promise<boolean>
  /** Drops it, as a network does; it comes back by itself. */
  drop(): void
  /** Settles when it has come back after it was dropped. */
  reopened(): Promise<boolean>
  stop(): void
}

export interface ListenOptions {
  carrier: Carrier
  headers(): Record<string, string>
  onOpened(isAgain: boolean): void
  /** The session is not known any more. */
  onLost(): void
}

const againMs = 1000
const atOnceMs = 20

export function listen({ carrier, headers, onOpened, onLost }: ListenOptions): Listening {
  let isStopped = false
  let carried: Carried | undefined
  let timer: NodeJS.Timeout | undefined
  let lastEventId: string | undefined
  let tries = 0
  let wasDropped = false
  let waiting: ((isOpen: boolean) => void)[] = []
  let tellReady: (isOpen: boolean) => void = () => undefined
  const ready = new Promise<boolean>((resolve) => (tellReady = resolve))

  const tell = (isOpen: boolean): void => {
    tellReady(isOpen)
    for (const one of waiting) one(isOpen)
    waiting = []
  }

  const open = (): void => {
    tries += 1
    const resumed = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
    carried = carrier.carry({
      method: 'GET',
      headers: { ...headers(), accept: 'text/event-stream', ...resumed },
      where: 'stream of the session (GET)',
      onHead(status) {
        if (status !== 200) return
        onOpened(tries > 1)
        tell(true)
      },
    })
    void carried.done.then(onEnd)
  }

  const onEnd = ({ status, lastEventId: id, retryMs = againMs }: CarriedEnd): void => {
    lastEventId = id ?? lastEventId
    if (isStopped) return
    if (status === 404) onLost()
    // 405: this server has none.
    if (status >= 400 && status < 500 && status !== 409) {
      isStopped = true
      tell(false)
      return
    }
    timer = setTimeout(open, wasDropped ? atOnceMs : retryMs)
    wasDropped = false
  }

  open()
  return {
    ready,
    drop() {
      wasDropped = true
      carried?.drop()
    },
    reopened: () => (isStopped ? Promise.resolve(false) : new Promise((r) => waiting.push(r))),
    stop() {
      isStopped = true
      clearTimeout(timer)
      carried?.drop()
      tell(false)
    },
  }
}
