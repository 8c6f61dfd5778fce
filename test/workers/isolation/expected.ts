import type { AttemptOutcomes } from '../../../src/load/probes/attempt-table.ts'
import { breakOutNames } from '../../../src/load/probes/break-outs.ts'
import type { BreakOutName, Outcome } from '../../../src/load/probes/break-outs.ts'

export const columns = ['process', 'sandbox', 'sandbox, private network'] as const
export type Column = (typeof columns)[number]

/** What decides on this machine how far a process without a wall gets. */
export interface Facts {
  /** Whether workers have a PID namespace of their own. */
  ownPids: boolean
  /** Whether a process may look into others of its user (Yama). */
  mayTrace: boolean
  /** Whether groups can be made here, to limit workers by. */
  mayMakeGroups: boolean
  /** What comes of an attempt in a process that nobody has put anywhere. */
  outside: Partial<Record<BreakOutName, Outcome>>
}

interface Expectation {
  /** For src/workers/README.md: an ordinary user, on a Linux with PID namespaces and cgroups. */
  said: Outcome
  /** Here. */
  here: (facts: Facts) => Outcome
}

const always = (outcome: Outcome): Expectation => ({ said: outcome, here: () => outcome })
const stopped = always('stopped')
const getsThrough = always('got-through')

const throughIf = (said: Outcome, isThrough: (facts: Facts) => boolean): Expectation => ({
  said,
  here: (facts) => (isThrough(facts) ? 'got-through' : 'stopped'),
})

/** It is no wall: as far as it gets outside, it gets inside, which as root is far. */
const asOutside = (name: BreakOutName, said: Outcome): Expectation => ({
  said,
  here: ({ outside }) => outside[name] ?? 'not-tried',
})

/** Tried outside, too, to know what to expect without a wall. None of them needs a target. */
export const triedOutside = [
  'read-system',
  'write-system',
  'mount-tmpfs',
  'unshare-user',
  'load-module',
  'raise-limits',
  'write-settings',
  'make-device',
  'call-chroot',
  'use-setuid',
] as const satisfies BreakOutName[]

/** What a worker of the driver `process` gets at; a convenience, not a wall. */
const withoutWall: Record<BreakOutName, Expectation> = {
  'read-session': getsThrough,
  'write-session': getsThrough,
  'write-shared': getsThrough,
  'read-hidden': getsThrough,
  'read-state': getsThrough,
  'read-home': getsThrough,
  'read-system': asOutside('read-system', 'stopped'),
  'write-system': asOutside('write-system', 'stopped'),
  // A PID namespace hides the processes of others, and the keeper, which stands outside of it.
  'look-at-processes': throughIf('stopped', ({ ownPids }) => !ownPids),
  'read-memory': throughIf('stopped', ({ ownPids, mayTrace }) => !ownPids && mayTrace),
  'signal-process': throughIf('stopped', ({ ownPids }) => !ownPids),
  'trace-process': throughIf('stopped', ({ ownPids, mayTrace }) => !ownPids && mayTrace),
  'read-keeper': throughIf('stopped', ({ ownPids, mayTrace }) => !ownPids && mayTrace),
  'find-nonce': stopped,
  'use-open-files': throughIf('stopped', ({ ownPids, mayTrace }) => !ownPids && mayTrace),
  'connect-socket': getsThrough,
  'connect-port': getsThrough,
  'connect-abstract': getsThrough,
  'mount-tmpfs': asOutside('mount-tmpfs', 'stopped'),
  'unshare-user': asOutside('unshare-user', 'got-through'),
  'load-module': asOutside('load-module', 'stopped'),
  'raise-limits': asOutside('raise-limits', 'stopped'),
  // Whoever may make a group may leave it.
  'leave-cgroup': throughIf('got-through', ({ mayMakeGroups }) => mayMakeGroups),
  'write-settings': asOutside('write-settings', 'stopped'),
  'make-device': asOutside('make-device', 'stopped'),
  'call-chroot': asOutside('call-chroot', 'stopped'),
  'use-setuid': asOutside('use-setuid', 'got-through'),
  'fork-bomb': stopped,
  'fill-disk': getsThrough,
  'fill-memory': stopped,
  'burn-cpu': stopped,
}

/** What a sandbox does not stop as long as it shares the network of the machine. */
const inSharedNetwork: readonly BreakOutName[] = ['connect-port', 'connect-abstract']

function expectation(name: BreakOutName, column: Column): Expectation {
  if (column === 'process') return withoutWall[name]
  return column === 'sandbox' && inSharedNetwork.includes(name) ? getsThrough : stopped
}

export function expectedHere(name: BreakOutName, column: Column, facts: Facts): Outcome {
  return expectation(name, column).here(facts)
}

/** The table of src/workers/README.md. */
export function saidOutcomes(): AttemptOutcomes {
  return Object.fromEntries(
    breakOutNames.map((name) => [
      name,
      Object.fromEntries(columns.map((column) => [column, expectation(name, column).said])),
    ]),
  )
}
