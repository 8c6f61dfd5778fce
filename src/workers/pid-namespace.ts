import { execFile } from 'node:child_process'

import { programIn } from '../ground/programs.ts'
import type { House } from '../keeper/protocol.ts'

const setpriv = 'setpriv'
const unshareName = 'unshare'
const diesWith = ['--pdeathsig', 'KILL']

/**
 * How a keeper is started so that its whole tree dies with it and with the gateway. Killing the
 * first process of a PID namespace kills everything in it, whatever ignores signals or has a
 * session of its own; a parent-death signal alone leaves a wrapper's children behind.
 */
export interface PidNamespace {
  /** Words to put before the keeper's command; empty where no namespace can be had. */
  prefix: string[]
  /** Words that begin the namespace; what follows them has to reap what is orphaned in it. */
  enter: string[]
  own: boolean
  /** Why there is none. */
  why: string
}

/**
 * What gives each server a PID namespace of its own whose keeper stands outside and has others, too:
 * the namespace dies with its keeper, whether that dies with the gateway or not. Undefined where it
 * cannot be had.
 */
export async function findHouse(
  { own, enter }: PidNamespace,
  searchPath: string,
): Promise<House | undefined> {
  if (!own) return undefined
  const words = enter.slice(enter.indexOf(unshareName))
  const paths = [setpriv, unshareName, 'sh', 'setsid', 'mkfifo'].map((name) =>
    programIn(name, searchPath),
  )
  if (paths.includes(undefined)) return undefined
  const [death = '', unshare = '', sh = '', setsid = '', mkfifo = ''] = paths as string[]
  const dying = [death, ...diesWith, unshare, ...words.slice(1)]
  // What does not die with the gateway was tried without it.
  const isTried = enter[0] === setpriv
  if (!isTried && (await problemOf([...dying, sh, '-c', 'exit 0', 'sh'])) !== '') return undefined
  return { enter: dying, sh, setsid, mkfifo }
}

/** Words before a keeper outside of the namespaces that it keeps. */
export const withParent = [setpriv, ...diesWith]

/**
 * The first process of the namespace is a shell that only waits: it reaps what is orphaned inside
 * (Node does not), and its end is the end of all. Background jobs get /dev/null for stdin unless
 * it is handed on by another number. The kernel keeps signals from it that it has no handler for,
 * and some shells have one for INT.
 */
const script = 'trap "" INT; exec 3<&0; "$@" <&3 3<&- & exec 3<&- <&-; wait $!'
const init = ['sh', '-c', script, 'berth-keeper']

const unshare = [unshareName, '--pid', '--fork', '--kill-child=KILL', '--mount-proc']

/**
 * Finds out by doing it. `--mount-proc` is part of the bargain: with the outer /proc the keeper
 * would take foreign processes for its own.
 *
 * @param diesWithParent false for workers that outlive their gateway
 */
export async function findPidNamespace(diesWithParent: boolean): Promise<PidNamespace> {
  if (process.platform !== 'linux') {
    return { prefix: [], enter: [], own: false, why: `${process.platform} has no PID namespaces` }
  }
  const death = diesWithParent ? withParent : []
  const candidates = [
    ...(process.getuid?.() === 0 ? [unshare] : []),
    [...unshare, '--user', '--map-current-user'],
  ]
  let why = ''
  for (const candidate of candidates) {
    const enter = [...death, ...candidate]
    const prefix = [...enter, ...init]
    why = await problemOf(prefix)
    if (why === '') return { prefix, enter, own: true, why }
  }
  return { prefix: [], enter: [], own: false, why }
}

function problemOf(prefix: string[]): Promise<string> {
  const [command = '', ...args] = prefix
  return new Promise((resolve) => {
    execFile(command, [...args, 'true'], { timeout: 5000 }, (error, _stdout, stderr) => {
      if (error === null) resolve('')
      else if (error.code === 'ENOENT') resolve(`${command} is not installed (package util-linux)`)
      else resolve(stderr.trim().split('\n')[0] ?? error.message)
    })
  })
}
