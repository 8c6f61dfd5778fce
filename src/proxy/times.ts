import type { Clock } from '../ground/clock.ts'
import { GatewayError } from '../ground/errors.ts'
import type { Times } from '../protocols/protocol.ts'

/** How long one request may still take. */
export interface Remaining {
  /** The worker has begun to answer. */
  onHead(isStream: boolean): void
  end(): void
}

export const unlimited: Remaining = { onHead: () => undefined, end: () => undefined }

/** @param expire called once, when the time is up */
export function createTimes(
  times: Times | undefined,
  clock: Clock,
  expire: (error: GatewayError) => void,
): Remaining {
  if (times === undefined) return unlimited
  const { requestMs, streamMs } = times
  const startedAtMs = clock.now()
  const limit = (limitMs: number, key: string) =>
    clock.after(Math.max(startedAtMs + limitMs - clock.now(), 1), () =>
      expire(new GatewayError('ERR_PROXY_TIME_IS_UP', { params: { limitMs, key } })),
    )
  let running = limit(requestMs, 'agentcore.requestTimeoutMs')
  return {
    onHead(isStream) {
      if (!isStream) return
      running.cancel()
      running = limit(streamMs, 'agentcore.streamMaxMs')
    },
    end: () => running.cancel(),
  }
}
