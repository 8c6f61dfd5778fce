import { execFile } from 'node:child_process'

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
 * The first process of the namespace is a shell that only waits: it reaps what is orphaned inside
 * (Node does not), and its end is the end of all. Background jobs get /dev/null for stdin unless
 * it is handed on by another number. The kernel keeps signals from it that it has no handler for,
 * and some shells have one for INT.
 */
const script = 'trap "" INT; exec 3<&0; "$@" <&3 3<&- & exec 3<&- <&-; wait $!'
const init = ['sh', '-c', script, 'berth-keeper']

const unshare = ['unshare', '--pid', '--fork', '--kill-child=KILL', '--mount-proc']

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
  const death = diesWithParent ? ['setpriv', '--pdeathsig', 'KILL'] : []
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
