/** Ports from `first` to `last`, both included. */
export interface PortRange {
  readonly first: number
  readonly last: number
}

/** `20000-29999`, as `service-node-port-range` of Kubernetes and `-p` of Docker have it. */
export function parsePortRange(text: string): PortRange | undefined {
  const [, first, last] = /^\s*(\d{1,5})\s*-\s*(\d{1,5})\s*$/.exec(text) ?? []
  return first === undefined ? undefined : { first: Number(first), last: Number(last) }
}

export const showPortRange = ({ first, last }: PortRange): string => `${first}-${last}`

export const portsOf = ({ first, last }: PortRange): number[] =>
  Array.from({ length: Math.max(0, last - first + 1) }, (_, at) => first + at)

export const isWithin = (port: number, { first, last }: PortRange): boolean =>
  port >= first && port <= last
