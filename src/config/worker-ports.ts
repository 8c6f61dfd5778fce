import type { Server } from '../sessions/server.ts'
import type { PortRange } from '../ground/port-range.ts'
import { isWithin, parsePortRange, portsOf, showPortRange } from '../ground/port-range.ts'
import { drawnBySystem, findSystemPorts } from '../ground/system-ports.ts'
import type { Problems } from './problems.ts'

const key = 'workerPorts'
/** Below are those that only root may listen on. */
const allowed: PortRange = { first: 1024, last: 65_535 }
/** One port rests for a while after each session. */
const fewest = 10

/** What the rest of the configuration says that concerns the range. */
export interface PortNeighbours {
  listen: { port: number }
  admin: { port: number }
  servers: readonly Pick<Server, 'launch'>[]
  problems: Problems
  warnings: string[]
}

/** The range of `workerPorts`; undefined when there is none, or when it will not do. */
export function readWorkerPorts(
  { workerPorts, maxSessions }: { workerPorts?: string; maxSessions: number },
  { listen, admin, servers, problems, warnings }: PortNeighbours,
): PortRange | undefined {
  const range = workerPorts === undefined ? undefined : parsePortRange(workerPorts)
  if (range === undefined) return undefined
  const why = problemOf(range, { listen, admin })
  if (why !== undefined) {
    problems.add(key, why)
    return undefined
  }
  if (!servers.some(({ launch }) => drawsPort(launch))) return range
  const shown = showPortRange(range)
  const count = portsOf(range).length
  if (count < maxSessions) {
    warnings.push(
      `${key} (${shown}) has ${count} ports, and maxSessions is ${maxSessions}: when all are in use, the next session of an http server is refused. Widen it, or lower maxSessions.`,
    )
  }
  const given = drawnBySystem(range, findSystemPorts())
  if (given !== undefined) {
    warnings.push(
      `${key} (${shown}) meets the ports that this system gives to connections by itself (${showPortRange(given)}): one of them may be gone before a worker listens on it. Take a range outside of net.ipv4.ip_local_port_range, or name it in net.ipv4.ip_local_reserved_ports.`,
    )
  }
  return range
}

function problemOf(
  range: PortRange,
  own: { listen: { port: number }; admin: { port: number } },
): string | undefined {
  const { first, last } = range
  if (first > last) return `begins behind its end. Example: ${key}: ${last}-${first}`
  if (!isWithin(first, allowed) || !isWithin(last, allowed)) {
    return `reaches beyond ${showPortRange(allowed)}. Example: ${key}: 20000-29999`
  }
  const count = portsOf(range).length
  if (count < fewest) {
    return `has ${count} ${count === 1 ? 'port' : 'ports'}; ${fewest} are the least, because a port rests for a while after each session.`
  }
  for (const name of ['listen', 'admin'] as const) {
    const { port } = own[name]
    if (isWithin(port, range)) {
      return `contains ${name}.port (${port}), on which this gateway listens; take a range without it.`
    }
  }
  return undefined
}

const drawsPort = (launch: Server['launch']): boolean =>
  launch.kind === 'local' &&
  launch.transport === 'http' &&
  launch.port === undefined &&
  launch.sandbox.network === 'host'
