import { messageOf } from '../../ground/errors.ts'
import { bombWithForks, burnCpu, fillDisk, fillMemory } from './break-outs/appetite.ts'
import { notTried, onLinux, stopped } from './break-outs/attempt.ts'
import type { BreakOut, Target, Tried } from './break-outs/attempt.ts'
import {
  readHome,
  readPaths,
  readSystem,
  writePaths,
  writeShared,
  writeSystem,
} from './break-outs/files.ts'
import {
  callChroot,
  leaveCgroup,
  loadModule,
  makeDevice,
  mountTmpfs,
  raiseLimits,
  unshareUser,
  useSetuid,
  writeSettings,
} from './break-outs/kernel.ts'
import {
  findInProcesses,
  lookAtProcesses,
  readKeeper,
  readMemory,
  signalProcess,
  traceProcess,
  useOpenFiles,
} from './break-outs/processes.ts'
import { connectAbstract, connectPorts, connectSockets } from './break-outs/sockets.ts'

export type { BreakOut, Outcome, Target, Tried } from './break-outs/attempt.ts'

/** An interpreter behind a version manager takes seconds to start on a busy machine. */
const limitMs = 12_000
const fillLimitMs = 20_000

const paths = 'paths'
const pids = 'pids, or PID:START with field 22 of /proc/PID/stat'

const breakOut = (
  about: string,
  target: string | null,
  attempt: BreakOut['attempt'],
): BreakOut => ({ about, target, limitMs, attempt })

const fill = (about: string, target: string, attempt: BreakOut['attempt']): BreakOut => ({
  about,
  target,
  limitMs: fillLimitMs,
  attempt,
})

/** Every attempt by its name. Whose target is optional says so. */
export const breakOuts = {
  // prettier-ignore
  'read-session': breakOut("Read another session's folder", paths, readPaths),
  // prettier-ignore
  'write-session': breakOut("Write into another session's folder", paths, writePaths),
  // prettier-ignore
  'write-shared': breakOut('Change the working folder that all sessions share', 'paths of files to be made', writeShared),
  // prettier-ignore
  'read-hidden': breakOut('Read the configuration and its secrets in the working folder', paths, readPaths),
  // prettier-ignore
  'read-state': breakOut('Read the state directory, the admin token and the keys of the gateway', paths, readPaths),
  // prettier-ignore
  'read-home': breakOut('Open the keys and tokens in a home folder', 'paths; default: the usual ones in HOME', readHome),
  // prettier-ignore
  'read-system': breakOut('Read what only root may read', 'paths; default: /etc/shadow and the like', readSystem),
  // prettier-ignore
  'write-system': breakOut('Write to the system', 'paths; default: /usr and /etc', writeSystem),
  // prettier-ignore
  'look-at-processes': breakOut('Look at the environment, memory and files of other processes', `${pids}; default: all that /proc shows`, onLinux(lookAtProcesses)),
  // prettier-ignore
  'read-memory': breakOut('Read the memory of the gateway or of another worker', pids, onLinux(readMemory)),
  'signal-process': breakOut('Send a signal to a process outside', pids, signalProcess),
  'trace-process': breakOut('Trace a process outside', pids, onLinux(traceProcess)),
  // prettier-ignore
  'read-keeper': breakOut('Read the memory of its keeper', 'start times, field 22 of /proc/PID/stat', onLinux(readKeeper)),
  // prettier-ignore
  'find-nonce': breakOut("Find its keeper's secret in a command line or an environment", 'texts', onLinux(findInProcesses)),
  // prettier-ignore
  'use-open-files': breakOut('Reach files outside through what processes hold open', null, onLinux(useOpenFiles)),
  // prettier-ignore
  'connect-socket': breakOut("Connect to another worker's unix socket", paths, connectSockets),
  // prettier-ignore
  'connect-port': breakOut('Connect to ports on loopback: other workers, the gateway, its store', 'ports', connectPorts),
  // prettier-ignore
  'connect-abstract': breakOut('Connect to abstract unix sockets', 'names; default: all that /proc/net/unix shows', onLinux(connectAbstract)),
  'mount-tmpfs': breakOut('Mount a file system', null, onLinux(mountTmpfs)),
  'unshare-user': breakOut('Make a user namespace', null, onLinux(unshareUser)),
  'load-module': breakOut('Load a kernel module', null, onLinux(loadModule)),
  'raise-limits': breakOut('Raise a limit above what is allowed', null, raiseLimits),
  'leave-cgroup': breakOut('Leave its cgroup', null, onLinux(leaveCgroup)),
  // prettier-ignore
  'write-settings': breakOut('Change settings of the kernel', 'paths; default: some of /proc/sys and /sys', onLinux(writeSettings)),
  'make-device': breakOut('Make a device node', null, onLinux(makeDevice)),
  'call-chroot': breakOut('Call chroot', null, onLinux(callChroot)),
  // prettier-ignore
  'use-setuid': breakOut('Gain rights by a setuid program', 'paths; default: the usual ones', onLinux(useSetuid)),
  'fork-bomb': fill('Start processes without end', 'number; default: 400', bombWithForks),
  'fill-disk': fill('Fill the disk', 'bytes, and a folder; default: 2 GiB in TMPDIR', fillDisk),
  // prettier-ignore
  'fill-memory': fill('Fill the memory', 'bytes; default: 1 GiB', fillMemory),
  'burn-cpu': fill('Burn all cores', 'ms; default: 2000', burnCpu),
} as const satisfies Record<string, BreakOut>

export type BreakOutName = keyof typeof breakOuts
export const breakOutNames = Object.keys(breakOuts) as [BreakOutName, ...BreakOutName[]]

/** Tries to get out in one way, within its limit. Never rejects. */
export async function tryBreakOut(name: BreakOutName, target: Target | undefined): Promise<Tried> {
  const { attempt, limitMs: ms, target: what }: BreakOut = breakOuts[name]
  if (target === undefined && what !== null && !what.includes('default:')) {
    return notTried(`It needs a target: ${what}.`)
  }
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Tried>((resolve) => {
    timer = setTimeout(() => resolve(stopped(`no answer within ${ms / 1000} s`)), ms)
  })
  try {
    return await Promise.race([attempt(target), late])
  } catch (error) {
    return notTried(`It failed: ${messageOf(error)}`)
  } finally {
    clearTimeout(timer)
  }
}
