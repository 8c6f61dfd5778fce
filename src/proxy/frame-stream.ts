import { GatewayError } from '../ground/errors.ts'
import type { FramedAnswer } from '../ground/frame-heads.ts'
import { windowBytes } from '../ground/frames.ts'
import type { OnFault } from '../ground/guarded.ts'
import { guarded } from '../ground/guarded.ts'
import type { Upstream } from './client-end.ts'
import type { Receiver } from './received.ts'

/** One request that goes over frames, and what comes of it. */
export interface FrameStream {
  readonly upstream: Upstream
  isOver(): boolean
  /** Tells its receiver how to stop it. */
  begin(): void
  /** @returns, as the two that follow, whether the frame keeps to the rules */
  head(answer: FramedAnswer): boolean
  data(bytes: Buffer): boolean
  mayEnd(): boolean
  end(): void
  /** Nothing more will come of it. */
  fail(cause: Error): void
  /** The same, because the keeper has broken off this stream and no other. */
  brokenOff(): void
}

export interface FrameStreamOptions {
  receiver: Receiver
  onFault: OnFault
  /** Lets the keeper send so many bytes more. */
  grant(bytes: number): void
  /** It is over: nobody is to be told of it any more. */
  onOver(isCut: boolean): void
}

type Step = () => void

/**
 * Hands on what comes, each step once. While the receiver has enough, what comes is kept, up to the
 * window; the keeper gets no more of that before it was taken.
 */
export function createFrameStream(options: FrameStreamOptions): FrameStream {
  const { receiver, onFault } = options
  const kept: Step[] = []
  let isPaused = false
  let isOver = false
  let hasHead = false
  let hasEnded = false
  /** Of what the keeper has sent: taken, and not granted again; and not taken. */
  let takenBytes = 0
  let openBytes = 0

  function over(isCut: boolean): void {
    isOver = true
    kept.length = 0
    options.onOver(isCut)
  }

  /** A throw costs this stream. */
  function careful(step: Step): void {
    try {
      step()
    } catch (thrown) {
      onFault(thrown)
      breakOff(new Error('The answer could not be dealt with.'))
    }
  }

  function breakOff(cause: Error): void {
    if (isOver) return
    over(true)
    guarded(receiver.broke, onFault)(cause)
  }

  function take(step: Step): void {
    if (isPaused) kept.push(step)
    else careful(step)
  }

  function handOn(bytes: Buffer): void {
    openBytes -= bytes.length
    takenBytes += bytes.length
    receiver.data(bytes)
    if (isOver || hasEnded || takenBytes < windowBytes / 2) return
    const granted = takenBytes
    takenBytes = 0
    options.grant(granted)
  }

  function handOnEnd(): void {
    over(false)
    receiver.end()
  }

  const upstream: Upstream = {
    pause() {
      isPaused = true
    },
    resume() {
      isPaused = false
      const goesOn = (): boolean => !isPaused && !isOver
      for (
        let step = kept.shift();
        step !== undefined;
        step = goesOn() ? kept.shift() : undefined
      ) {
        careful(step)
      }
    },
    abort: breakOff,
  }

  function fail(cause: Error): void {
    hasEnded = true
    take(() => {
      if (isOver) return
      over(false)
      receiver.broke(cause)
    })
  }

  return {
    upstream,
    isOver: () => isOver,
    begin: () => careful(() => receiver.sent(upstream)),
    head({ statusCode, headers }) {
      if (hasHead) return false
      hasHead = true
      take(() => receiver.head(statusCode, headers))
      return true
    },
    data(bytes) {
      openBytes += bytes.length
      if (!hasHead || hasEnded || openBytes + takenBytes > windowBytes) return false
      // What was read is read over by what comes next, and who receives it may keep it.
      const own = Buffer.from(bytes)
      take(() => handOn(own))
      return true
    },
    mayEnd: () => hasHead,
    end() {
      hasEnded = true
      take(handOnEnd)
    },
    fail,
    brokenOff() {
      // It does so with what a client does not take, which is no fault of the worker.
      fail(
        isPaused
          ? new GatewayError('ERR_PROXY_READ_TOO_SLOWLY')
          : new Error('The keeper broke it off.'),
      )
    },
  }
}
