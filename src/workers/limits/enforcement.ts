import type { Enforcement, LimitName, Limits, WorkerSpec } from '../driver.ts'
import type { KeeperSpec } from '../../keeper/protocol.ts'
import type { Group, LimitGroups } from './limits.ts'
import { limitedCommand } from './wrapper.ts'

const names: Record<keyof Limits, LimitName> = {
  memoryBytes: 'memory',
  cpus: 'cpus',
  pids: 'pids',
  diskBytes: 'disk',
  openFiles: 'openFiles',
}

/**
 * What enforces the limits that a server has.
 *
 * @param disk the driver's own business
 */
export function enforcementOf(
  launch: WorkerSpec['launch'],
  groups: LimitGroups,
  disk: Enforcement,
): Enforcement[] {
  if (launch.kind !== 'local') return []
  const wanted = Object.entries(launch.limits).flatMap(([key, value]) =>
    value === undefined ? [] : [names[key as keyof Limits]],
  )
  if (wanted.length === 0) return []
  return [...groups.enforcement(), disk].filter(({ limit }) => wanted.includes(limit))
}

/** A limit of a server, what it is set to (bytes, cores or a number), and what enforces it. */
export type SetLimit = Enforcement & { value: number }

export function withValues(launch: WorkerSpec['launch'], found: Enforcement[]): SetLimit[] {
  if (launch.kind !== 'local') return []
  const set = Object.entries(launch.limits) as [keyof Limits, number][]
  return found.flatMap((enforcement) => {
    const value = set.find(([key]) => names[key] === enforcement.limit)?.[1]
    return value === undefined ? [] : [{ ...enforcement, value }]
  })
}

/** Whether it takes groups to keep these; to join them costs a start some 10 ms. */
export const needsGroups = ({ memoryBytes, cpus, pids }: Limits): boolean =>
  memoryBytes !== undefined || cpus !== undefined || pids !== undefined

/** The same with a wrapper before it that takes the limits upon itself. */
export function withLimits(
  spec: KeeperSpec,
  { group, limits }: { group: Group | undefined; limits: Limits },
): KeeperSpec {
  const { openFiles } = limits
  const limited = limitedCommand({
    command: spec.command,
    args: spec.args,
    procsFiles: group?.procsFiles ?? [],
    ...(openFiles === undefined ? {} : { openFiles }),
  })
  if (limited.command === spec.command) return spec
  const { command, cwd } = spec
  const isCounted = limits.memoryBytes !== undefined && group?.oomFile !== undefined
  return {
    ...spec,
    ...limited,
    ...(isCounted ? { oomFile: group.oomFile } : {}),
    wrapped: spec.wrapped ?? { command, cwd, file: null, stays: false },
  }
}
