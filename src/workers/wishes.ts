import { GatewayError } from '../ground/errors.ts'
import type { Probe, WorkerSpec } from './driver.ts'
import type { SetLimit } from './limits/enforcement.ts'
import { withValues } from './limits/enforcement.ts'
import type { Supervisor } from './supervisor.ts'

/** What a server of the configuration asks of this machine. */
export interface Wish {
  name: string
  driver: string
  launch: WorkerSpec['launch']
  requireLimits: boolean
  /** Absent: none, and a folder of each session. The environment is secret. */
  env?: Readonly<Record<string, string>>
  cwd?: string
}

/** What servers get of it, by name. */
export interface Examined {
  /** How each server will be isolated. */
  probes: ReadonlyMap<string, Probe>
  /** The limits of each server, and what enforces them. */
  enforcements: ReadonlyMap<string, SetLimit[]>
}

type Asked = Pick<Supervisor, 'probe' | 'enforcement'>

export const adviceForMissing = 'mcp-berth doctor tells what this machine can do, and what helps.'

/** How it is isolated, or in words what is missing, by the keys that ask for it. */
export async function findMissing(
  { name, driver, launch, requireLimits }: Wish,
  supervisor: Asked,
): Promise<{ probe: Probe; problems: string[] }> {
  const probe = await supervisor.probe(driver, launch)
  const isCommandLine = launch.kind === 'local' && launch.origin?.isCommandLine === true
  const place = isCommandLine ? '--isolation' : `mcpServers.${name}.isolation`
  const problems = probe.available ? [] : [`${place}: ${driver} cannot be had here: ${probe.why}.`]
  for (const limit of supervisor.enforcement(driver, launch)) {
    if (!requireLimits || limit.by !== null) continue
    problems.push(`mcpServers.${name}.limits.${limit.limit}: cannot be enforced: ${limit.why}.`)
  }
  return { probe, problems }
}

/** @throws ERR_CONFIG_INVALID when a server asks for what cannot be had here */
export async function examine(wishes: readonly Wish[], supervisor: Asked): Promise<Examined> {
  const probes = new Map<string, Probe>()
  const enforcements = new Map<string, SetLimit[]>()
  for (const wish of wishes) {
    const { name, driver, launch } = wish
    const { probe, problems } = await findMissing(wish, supervisor)
    if (problems.length > 0) {
      throw new GatewayError('ERR_CONFIG_INVALID', {
        params: { problems: [...problems, adviceForMissing].join('\n') },
      })
    }
    probes.set(name, probe)
    enforcements.set(name, withValues(launch, supervisor.enforcement(driver, launch)))
  }
  return { probes, enforcements }
}
