import { readFileSync } from 'node:fs'

import type { PortRange } from './port-range.ts'
import { isWithin, portsOf } from './port-range.ts'

/** What this system does with ports by itself, and what it has been told of others' ports. */
export interface SystemPorts {
  /** Given to connections, and to listeners that ask for any port. */
  ephemeral: PortRange
  /** Never given away by itself, though they lie in there: `ip_local_reserved_ports`. */
  reserved: ReadonlySet<number>
  /** Of programs that /etc/services names. */
  named: ReadonlySet<number>
}

const settings = '/proc/sys/net/ipv4'

/** @param read the text of a file; empty where there is none */
export function findSystemPorts(read: (file: string) => string = textOf): SystemPorts {
  return {
    ephemeral: ephemeralIn(read(`${settings}/ip_local_port_range`)),
    reserved: reservedIn(read(`${settings}/ip_local_reserved_ports`)),
    named: namedIn(read('/etc/services')),
  }
}

/** The part of a range that the system gives away by itself; undefined: none of it. */
export function drawnBySystem(
  range: PortRange,
  { ephemeral, reserved }: SystemPorts,
): PortRange | undefined {
  const given = portsOf(range).filter((port) => isWithin(port, ephemeral) && !reserved.has(port))
  const [first, last] = [given[0], given.at(-1)]
  return first === undefined || last === undefined ? undefined : { first, last }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}

/** macOS has 49152 to 65535, which RFC 6335 (section 6) has for everybody. */
function ephemeralIn(text: string): PortRange {
  const [first, last] = text.trim().split(/\s+/).map(Number)
  return first && last ? { first, last } : { first: 49_152, last: 65_535 }
}

/** `8080,9148,40000-41000` */
function reservedIn(text: string): Set<number> {
  const ranges = text.matchAll(/(\d+)(?:-(\d+))?/g)
  return new Set(
    [...ranges].flatMap(([, first, last = first]) =>
      portsOf({ first: Number(first), last: Math.min(Number(last), 65_535) }),
    ),
  )
}

/** `mongodb   27017/tcp` */
function namedIn(text: string): Set<number> {
  return new Set([...text.matchAll(/^[^\s#]+\s+(\d+)\/tcp\b/gm)].map(([, port]) => Number(port)))
}
