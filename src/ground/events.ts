import type { ErrorCode } from './errors.ts'
import { faultFrames, faultText } from './guarded.ts'

/**
 * The news of the house. Rooms emit what happened and know nobody who listens; logs, metrics and
 * the inspector listen. `session` is always the short handle, never the public id, which may be
 * all that an anonymous client has to prove itself.
 */
export interface BerthEvents {
  'session.opened': SessionNews & { principal: string }
  'session.live': SessionNews & { startMs: number; protocolVersion: string | undefined }
  'session.closed': SessionNews & {
    reason: EndReason
    durationMs: number
    counts: TrafficCounts
    /** The code of the error that ended it, where there was one. */
    code?: ErrorCode
    /** For the operator: command, exit code, last lines of output. */
    details?: Record<string, unknown>
    /** What its worker has used, as far as that is known. */
    usage?: UsageCounts
  }
  /** It goes on under the public id of one that had ended for this reason; see `onExpired`. */
  'session.reopened': SessionNews & { was: string; reason: EndReason; times: number }
  /** This gateway serves, from now on, a session that another one has opened. */
  'session.adopted': SessionNews
  /** Another gateway ends a session that this one served too. */
  'session.released': SessionNews
  /** A request came with an id that is not served (any more). */
  'session.missed': { server: string; session: string; reason: string }
  'exchange.started': SessionNews & { method: string }
  'exchange.ended': SessionNews & {
    method: string
    outcome: 'answered' | 'cancelled' | 'failed'
    durationMs: number
  }
  'elicitation.requested': SessionNews & { mode: string }
  'elicitation.answered': SessionNews & { outcome: string }
  'sampling.requested': SessionNews
  'sampling.answered': SessionNews & { outcome: string }
  'roots.requested': SessionNews
  'roots.answered': SessionNews & { outcome: string }
  'progress.reported': SessionNews & { progress: number; total?: number; message?: string }
  'worker.started': WorkerNews & {
    pid: number | undefined
    startMs: number
    /** It waits for a session. */
    warm?: true
  }
  /** A worker that another gateway process had started was found. */
  'worker.attached': WorkerNews
  /** From now on sessions of this server, and of others with the same, are forked. */
  'template.ready': { server: string; startMs: number }
  /** How a worker was started whose server asks for a template; `plain`: there was none to ask. */
  'template.used': { server: string; outcome: TemplateOutcome }
  'worker.exited': WorkerNews & {
    code: number | null
    signal: string | null
    how: string
    /** It wanted more memory than it may have. */
    oom?: true
    /** It never had a session. */
    warm?: true
  }
  /** A worker that waits for a session was started ahead of it. */
  'warm.started': WorkerNews & { startMs: number }
  /** It has its session now. */
  'warm.claimed': WorkerNews & { waitedMs: number }
  /** A session of a server of which some are kept warm found none. */
  'warm.missed': { server: string }
  /** One that had no session ends, or has ended. */
  'warm.retired': WorkerNews & { reason: WarmReason }
  /** One could not be started, or did not stay; nothing is tried for so long. */
  'warm.failed': { server: string; why: string; retryMs: number }
  /** One line that a worker wrote, for the terminal. */
  'worker.output': WorkerNews & { line: string }
  /** Something the operator should look at: said once, in one sentence. */
  'operator.warned': { server?: string; message: string }
  /** So many files and folders of ended sessions cannot be removed at the moment. */
  'folders.left': { count: number }
  /** The signature of a token was looked at; one that was seen a moment ago needs no look. */
  'token.examined': { provider: string }
  'request.failed': { requestId: string; code: ErrorCode; statusCode: number; cause: string }
  /** A mistake of Berth's own, which ended no more than what it belongs to. */
  'fault.caught': FaultNews
}

export const templateOutcomes = ['forked', 'refused', 'plain'] as const
export type TemplateOutcome = (typeof templateOutcomes)[number]

export interface FaultNews {
  /** `uncaught` is what only the last resort of the process has kept from ending it. */
  kind: FaultKind
  /** What was being done. */
  where: string
  error: string
  stack: string[]
  session?: string
  server?: string
}

export const faultKinds = ['guarded', 'listener', 'uncaught'] as const
export type FaultKind = (typeof faultKinds)[number]

/** The news of something that was thrown, without what it may have quoted. */
export function faultNews(
  kind: FaultKind,
  { thrown, ...about }: { where: string; thrown: unknown; session?: string; server?: string },
): FaultNews {
  return { kind, ...about, error: faultText(thrown), stack: faultFrames(thrown) }
}

export interface SessionNews {
  session: string
  server: string
}

export interface WorkerNews {
  session: string
  server: string
  workerId: string
  driver: string
}

/** Why a warm worker ends without a session. `stale`: what it was started with is not true any more. */
export const warmReasons = ['age', 'not-needed', 'exited', 'stale', 'drained'] as const
export type WarmReason = (typeof warmReasons)[number]

export interface TrafficCounts {
  calls: number
  elicitations: number
  samplings: number
  progress: number
}

export interface UsageCounts {
  cpuMs?: number
  peakMemoryBytes?: number
  processes?: number
  writtenBytes?: number
}

/** Why a session ended; exactly one, the first wins. */
export const endReasons = [
  'client-deleted',
  'idle',
  'max-lifetime',
  'worker-exited',
  'stopped',
  'start-failed',
  'abandoned',
  'evicted',
  'memory-short',
  'drained',
  'host-lost',
  'upstream-lost',
] as const
export type EndReason = (typeof endReasons)[number]

export type EventName = keyof BerthEvents
type Listener<N extends EventName> = (news: BerthEvents[N]) => void
type AnyListener = <N extends EventName>(name: N, news: BerthEvents[N]) => void

/** What some news are heard by. */
export interface Listening {
  /** @returns a function that ends the listening. */
  on<N extends EventName>(name: N, listener: Listener<N>): () => void
}

export interface Events extends Listening {
  emit<N extends EventName>(name: N, news: BerthEvents[N]): void
  /** @returns a function that ends the listening. */
  onAny(listener: AnyListener): () => void
}

const nobody: readonly Listener<never>[] = []

/**
 * Listeners are called at once and in order. What one throws reaches neither the emitter nor the
 * other listeners: it is told as an event of its own.
 */
export function createEvents(): Events {
  const byName = new Map<EventName, Set<Listener<never>>>()
  const any = new Set<AnyListener>()
  const failed = (name: EventName, thrown: unknown): void => {
    // Who cannot even hear of a fault is not told of that.
    if (name === 'fault.caught') return
    events.emit('fault.caught', faultNews('listener', { where: `listening to ${name}`, thrown }))
  }
  const events: Events = {
    emit(name, news) {
      for (const listener of byName.get(name) ?? nobody) {
        try {
          ;(listener as Listener<typeof name>)(news)
        } catch (thrown) {
          failed(name, thrown)
        }
      }
      for (const listener of any) {
        try {
          listener(name, news)
        } catch (thrown) {
          failed(name, thrown)
        }
      }
    },
    on(name, listener) {
      const listeners = byName.get(name) ?? new Set()
      byName.set(name, listeners.add(listener))
      return () => listeners.delete(listener)
    },
    onAny(listener) {
      any.add(listener)
      return () => any.delete(listener)
    },
  }
  return events
}
