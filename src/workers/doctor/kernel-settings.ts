import { existsSync, readFileSync } from 'node:fs'

/** What the kernel says of namespaces and of this process; undefined where it says nothing. */
export interface KernelSettings {
  isRoot: boolean
  /** CAP_SYS_ADMIN: what is forbidden to ordinary users is not to this process. */
  isAdmin: boolean
  hasUserNamespaces: boolean
  /** user.max_user_namespaces */
  maxUserNamespaces: number | undefined
  /** kernel.unprivileged_userns_clone, which Debian adds */
  unprivilegedClone: number | undefined
  /** kernel.apparmor_restrict_unprivileged_userns, since Ubuntu 23.10 */
  appArmorRestriction: number | undefined
  /** Of this process: `unconfined`, or a name and a mode, `docker-default (enforce)`. */
  appArmorProfile: string | undefined
  /** Whether a seccomp filter judges what this process calls. */
  isFiltered: boolean
  /** Whether this looks like the inside of a container. */
  isContainer: boolean
  /** Paths below /proc that something else is mounted on. */
  coversOfProc: string[]
}

/** CAP_SYS_ADMIN is bit 21 of capabilities(7). */
const sysAdmin = 1n << 21n

/** Nothing is tried; on other systems than Linux there is nothing to read. */
export function readKernelSettings(): KernelSettings {
  const status = textOf('/proc/self/status') ?? ''
  const field = (name: string): string =>
    new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? '0'
  return {
    isRoot: process.getuid?.() === 0,
    isAdmin: (BigInt(`0x${field('CapEff')}`) & sysAdmin) !== 0n,
    hasUserNamespaces: existsSync('/proc/self/ns/user'),
    maxUserNamespaces: numberOf('/proc/sys/user/max_user_namespaces'),
    unprivilegedClone: numberOf('/proc/sys/kernel/unprivileged_userns_clone'),
    appArmorRestriction: numberOf('/proc/sys/kernel/apparmor_restrict_unprivileged_userns'),
    appArmorProfile:
      textOf('/proc/self/attr/apparmor/current') ?? textOf('/proc/self/attr/current'),
    isFiltered: field('Seccomp') === '2',
    isContainer:
      ['/.dockerenv', '/run/.containerenv', '/dev/.lxc'].some((path) => existsSync(path)) ||
      /\/(docker|kubepods|libpod|lxc)/.test(textOf('/proc/1/cgroup') ?? ''),
    coversOfProc: coversOfProc(textOf('/proc/self/mountinfo') ?? ''),
  }
}

/** Where there is a folder for it, binfmt_misc hides nothing, and the kernel knows that. */
function coversOfProc(mountinfo: string): string[] {
  const points = mountinfo.split('\n').map((line) => line.split(' ')[4] ?? '')
  return points.filter(
    (point) => point.startsWith('/proc/') && !point.startsWith('/proc/sys/fs/binfmt_misc'),
  )
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').replaceAll('\0', '').trim()
  } catch {
    return undefined
  }
}

function numberOf(file: string): number | undefined {
  const text = textOf(file) ?? ''
  return /^\d+$/.test(text) ? Number(text) : undefined
}
