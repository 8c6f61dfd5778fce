import { readFileSync, statSync } from 'node:fs'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { arch, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import type { Target, Tried } from './attempt.ts'
import { eachOf, gotThrough, notTried, pathsOf, refusedBy, run, stopped } from './attempt.ts'
import type { Ran } from './attempt.ts'
import { openForWriting } from './files.ts'

function ranAs(ran: Ran, program: string, doing: string): Tried {
  if (ran.missing) return notTried(`${program} is not here to try it with.`)
  return ran.ok ? gotThrough(doing) : stopped(`${doing}: ${ran.why}`)
}

/** An empty folder in its TMPDIR, for as long as `use` takes. */
async function inFolder(use: (folder: string) => Promise<Tried>): Promise<Tried> {
  let folder: string
  try {
    folder = await mkdtemp(join(tmpdir(), 'probe-'))
  } catch (error) {
    return notTried(`There is no folder to try it in: ${refusedBy(error, tmpdir()).how}`)
  }
  try {
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** In a mount namespace that ends with the child, so that nobody else ever sees the mount. */
export function mountTmpfs(): Promise<Tried> {
  return inFolder(async (folder) => {
    const mount = ['mount', '-t', 'tmpfs', '-o', 'size=64k', 'probe', folder]
    const inside = await run('unshare', ['--mount', '--', ...mount])
    if (inside.ok) return gotThrough('mounting a tmpfs')
    // Not even a mount namespace: then whatever is mounted is seen by its own sandbox alone.
    const ran = await run('mount', mount.slice(1))
    if (ran.ok) await run('umount', [folder])
    return ranAs(ran, 'mount', 'mounting a tmpfs')
  })
}

export async function unshareUser(): Promise<Tried> {
  return ranAs(await run('unshare', ['--user', 'true']), 'unshare', 'making a user namespace')
}

const finitModule: Record<string, number> = { x64: 313, arm64: 273 }

// The kernel asks for the right first and looks at the file afterwards; there is none behind -1.
const loadNothing = `
import ctypes, errno, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall(ctypes.c_long(int(sys.argv[1])), ctypes.c_int(-1), ctypes.c_char_p(b""), ctypes.c_int(0))
print(errno.errorcode[ctypes.get_errno()])`

export async function loadModule(): Promise<Tried> {
  const number = finitModule[arch()]
  if (number === undefined) return notTried(`The system call's number on ${arch()} is not known.`)
  const { missing, ok, stdout, why } = await run('python3', ['-c', loadNothing, String(number)])
  if (missing || !ok) return notTried(`python3 could not be used: ${why}`)
  if (stdout !== 'EBADF') return stopped(`${stdout} loading a kernel module`)
  return gotThrough('the kernel would have loaded a module (EBADF for none at all)')
}

/** A shell lowers its own hard limit and tries to get one of it back. */
export async function raiseLimits(): Promise<Tried> {
  const script = 'ulimit -Sn 32 && ulimit -Hn 32 && ulimit -Hn 33'
  return ranAs(await run('sh', ['-c', script]), 'sh', 'raising a hard limit (nofile)')
}

export async function callChroot(): Promise<Tried> {
  // Into the same root: the right is asked for, and nothing changes.
  return ranAs(await run('chroot', ['/', 'true']), 'chroot', 'calling chroot')
}

/** As null, the most harmless of all; on a `nodev` mount it can be made but not used. */
export function makeDevice(): Promise<Tried> {
  return inFolder(async (folder) => {
    const device = join(folder, 'null')
    const ran = await run('mknod', [device, 'c', '1', '3'])
    if (!ran.ok) return ranAs(ran, 'mknod', 'making a device node')
    try {
      await (await open(device, 'r')).close()
    } catch (error) {
      return refusedBy(error, 'opening the device node that it made')
    }
    return gotThrough('made a device node and opened it')
  })
}

const settings = [
  '/proc/sys/kernel/core_pattern',
  '/proc/sys/kernel/modprobe',
  '/proc/sys/vm/overcommit_memory',
  '/proc/sysrq-trigger',
  '/sys/kernel/uevent_helper',
]

export function writeSettings(target: Target | undefined): Promise<Tried> {
  return eachOf(target === undefined ? settings : pathsOf(target), openForWriting)
}

/**
 * Opens for writing the lists of the cgroups above its own, and of the outermost that it can see;
 * it does not write itself into them, because then it would have left its limits for good.
 */
export async function leaveCgroup(): Promise<Tried> {
  let lists: string[]
  try {
    lists = listsAbove(
      readFileSync('/proc/self/cgroup', 'utf8'),
      readFileSync('/proc/self/mountinfo', 'utf8'),
    )
  } catch (error) {
    return refusedBy(error, 'reading which cgroups it is in')
  }
  if (lists.length === 0) return stopped('no cgroup above its own can be seen')
  return eachOf(lists, openForWriting)
}

/** From the texts of /proc/self/cgroup and /proc/self/mountinfo: `cgroup.procs` files. */
export function listsAbove(cgroups: string, mountinfo: string): string[] {
  const lists = new Set<string>()
  const mounts = mountinfo.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ')
    const [, , , root = '', point = ''] = before.split(' ')
    const [type = '', , options = ''] = after.split(' ')
    return type.startsWith('cgroup') ? [{ type, root, point, options: options.split(',') }] : []
  })
  for (const line of cgroups.split('\n')) {
    const [, , controllers = '', path = ''] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? []
    const mount = mounts.find(({ type, options }) =>
      controllers === '' ? type === 'cgroup2' : options.includes(controllers.split(',')[0] ?? ''),
    )
    // In the outermost of all there is nothing to leave.
    if (mount === undefined || path === '' || path === '/') continue
    lists.add(join(mount.point, 'cgroup.procs'))
    if (path.startsWith(mount.root)) {
      const own = join(mount.point, path.slice(mount.root.length))
      if (own !== join(mount.point)) lists.add(join(dirname(own), 'cgroup.procs'))
    }
  }
  return [...lists]
}

const setuidPrograms = ['su', 'sudo', 'passwd', 'mount', 'umount', 'chsh', 'newgrp', 'pkexec'].map(
  (name) => `/usr/bin/${name}`,
)
const setuidBit = 0o4000

/** Starts none of them: a process with NoNewPrivs gains nothing by it, any other one does. */
export function useSetuid(target: Target | undefined): Promise<Tried> {
  const status = readFileSync('/proc/self/status', 'utf8')
  if (/^NoNewPrivs:\s*1$/m.test(status)) {
    return Promise.resolve(stopped('NoNewPrivs is 1: setuid programs gain nothing'))
  }
  const found = (target === undefined ? setuidPrograms : pathsOf(target)).filter((path) => {
    const { mode } = statSync(path, { throwIfNoEntry: false }) ?? { mode: 0 }
    return (mode & setuidBit) !== 0
  })
  return Promise.resolve(
    found.length === 0
      ? stopped('NoNewPrivs is 0, but no setuid program is here')
      : gotThrough(`NoNewPrivs is 0, and setuid programs are here: ${found.join(', ')}`),
  )
}
