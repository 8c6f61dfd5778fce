import type { Redis } from 'ioredis'

import type { Clock, Timer } from '../../../ground/clock.ts'
import { guarded, inBackground, tellFault } from '../../../ground/guarded.ts'
import { backOffMs } from './client.ts'

export interface ListenOptions {
  /** A connection of its own: one that listens can do nothing else. */
  connect(): Redis | undefined
  channel: string
  clock: Clock
  onMessage(text: string): void
  onReady(): void
  onLost(): void
  /** What went wrong; there will be another try. */
  onError(error: unknown): void
}

export interface Listening {
  isReady(): boolean
  /** Sees to it that a connection that has died unseen is found out within a few seconds. */
  ping(): void
  close(): Promise<void>
}

/** Listens to one channel, over a new connection whenever the last one was lost. */
export function listen(options: ListenOptions): Listening {
  const { clock, channel } = options
  let current: Redis | undefined
  let isReady = false
  let isClosed = false
  let tries = 0
  let timer: Timer | undefined

  const onFault = tellFault('listening to Redis')
  const again = (): void => {
    if (isReady) options.onLost()
    isReady = false
    if (isClosed) return
    timer = clock.after(backOffMs(tries), open)
    tries += 1
  }
  const open = (): void => {
    const redis = options.connect()
    current = redis
    if (redis === undefined) {
      again()
      return
    }
    redis.on('error', guarded(options.onError, onFault))
    const heard = (_channel: string, text: string): void => options.onMessage(text)
    redis.on('message', guarded(heard, onFault))
    redis.once('end', guarded(again, onFault))
    const listening = redis
      .connect()
      .then(() => redis.subscribe(channel))
      .then(() => {
        if (redis.status !== 'ready') return
        isReady = true
        tries = 0
        options.onReady()
      })
      .catch((error: unknown) => {
        options.onError(error)
        redis.disconnect()
      })
    inBackground(listening, onFault)
  }
  open()

  return {
    isReady: () => isReady,
    ping() {
      if (isReady && current !== undefined) inBackground(current.ping(), options.onError)
    },
    async close() {
      isClosed = true
      timer?.cancel()
      if (current !== undefined) await hangUp(current)
    },
  }
}

interface Line {
  status: string
  once(event: 'end', listener: () => void): unknown
  disconnect(): void
}

/** Settles when the connection is gone. One that is not open has nothing to wait for. */
export async function hangUp(line: Line): Promise<void> {
  const isOpen = ['connecting', 'connect', 'ready'].includes(line.status)
  const ended = new Promise<void>((resolve) => {
    line.once('end', resolve)
    if (isOpen) setTimeout(resolve, 1000).unref()
  })
  line.disconnect()
  if (isOpen) await ended
}
