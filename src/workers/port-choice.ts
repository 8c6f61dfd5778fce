import type { WorkerSpec } from './driver.ts'
import type { PortRange } from '../ground/port-range.ts'
import { isWithin, portsOf } from '../ground/port-range.ts'
import type { SystemPorts } from '../ground/system-ports.ts'

/** What the ports of workers are drawn from. */
export interface PortWish {
  /** `workerPorts`. Default: what is left by the system, and by programs with a usual port. */
  range?: PortRange | undefined
  /** Fixed ports of this configuration. */
  leaveOut?: Iterable<number>
}

/** RFC 6335, section 6: nobody is assigned one of these, and so next to no program has one fixed. */
const unassigned: PortRange = { first: 49_152, last: 65_535 }

/**
 * Where those do not do. 30000 to 32767 are the NodePorts of Kubernetes: it takes connections to
 * them away before they reach who listens, and they look free as long as nobody does.
 */
const lower: PortRange = { first: 20_000, last: 29_999 }

/** In these two, programs that listen on a port of theirs unless they are told otherwise. */
const usual: ReadonlySet<number> = new Set([
  20_000, // Usermin, DNP3
  20_048, // mountd
  20_880, // Dubbo
  22_000, // Syncthing
  ...[24_007, 24_008], // GlusterFS
  24_224, // Fluentd
  24_800, // Barrier
  ...[25_565, 25_575], // Minecraft
  25_672, // RabbitMQ
  26_257, // CockroachDB
  26_379, // Redis Sentinel
  ...[26_656, 26_657], // CometBFT
  ...portsOf({ first: 27_000, last: 27_050 }), // MongoDB, Steam, FlexNet
  ...[28_015, 28_017, 29_015], // RethinkDB, MongoDB
  29_092, // Kafka
  29_418, // Gerrit
  ...[50_000, 50_051], // Jenkins, gRPC
  ...[50_070, 50_075], // Hadoop
  51_413, // Transmission
  ...[51_678, 51_679], // agent of Amazon ECS
  54_321, // H2O
  55_000, // Wazuh
  ...[61_208, 61_209], // Glances
  ...[61_613, 61_614, 61_616, 61_617, 61_619, 61_680], // ActiveMQ
  ...[61_678, 61_679], // VPC CNI of Amazon EKS
  62_078, // usbmux
  64_738, // Mumble
])

/** With fewer to choose from, the system chooses: it knows what is free. */
const fewPorts = 1000

/**
 * Ports that the system gives to nobody by itself, neither to a connection nor to a listener that
 * asks for any: a worker may take minutes to listen, and must find its port as free as it was.
 *
 * @returns lists of which the first is to be drawn from as long as it lasts; none: let the system
 *   choose
 */
export function portsToDraw(
  { range, leaveOut = [] }: PortWish,
  { ephemeral, reserved, named }: SystemPorts,
): number[][] {
  const ours = new Set(leaveOut)
  if (range !== undefined) return [portsOf(range).filter((port) => !ours.has(port))]
  // What is reserved is meant for a program that has it fixed.
  const isOthers = (port: number): boolean =>
    [ours, usual, reserved, named].some((ports) => ports.has(port)) || isWithin(port, ephemeral)
  const lists = [unassigned, lower].map((band) => portsOf(band).filter((port) => !isOthers(port)))
  return lists.flat().length < fewPorts ? [] : lists.filter((list) => list.length > 0)
}

/** A port that a server insists on, or that a url leads to: this machine's, as far as one can see. */
export function fixedPortOf(launch: WorkerSpec['launch']): number[] {
  if (launch.kind === 'local') return launch.port === undefined ? [] : [launch.port]
  if (launch.kind === 'inside') return []
  const port = URL.canParse(launch.url) ? Number(new URL(launch.url).port) : 0
  return port === 0 ? [] : [port]
}
