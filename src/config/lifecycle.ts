import type { Lifecycle } from '../sessions/server.ts'
import { isMap } from './check.ts'

/**
 * AgentCore's rule: `maxLifetime` alone shortens the idle time to itself where that is longer, and
 * the idle time alone leaves the maximum as it is. Values of `defaults` stand for AgentCore's own.
 */
export function lifecycleOf(own: unknown, defaults: unknown): Lifecycle {
  const seconds = (from: unknown, key: string): number | undefined => {
    const value = isMap(from) ? from[key] : undefined
    return typeof value === 'number' ? value : undefined
  }
  const max = seconds(own, 'maxLifetime') ?? seconds(defaults, 'maxLifetime') ?? 28_800
  const idle =
    seconds(own, 'idleRuntimeSessionTimeout') ??
    Math.min(seconds(defaults, 'idleRuntimeSessionTimeout') ?? 900, max)
  return { idleMs: idle * 1000, maxMs: max * 1000 }
}

/** What is wrong with it, if anything. */
export function lifecycleProblem({ idleMs, maxMs }: Lifecycle): string | undefined {
  if (idleMs <= maxMs) return undefined
  return `idleRuntimeSessionTimeout (${idleMs / 1000} seconds) is longer than maxLifetime (${maxMs / 1000}); it may be as long at most.`
}
