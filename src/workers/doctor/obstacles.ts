import type { KernelSettings } from './kernel-settings.ts'

/** One thing that stands in the way. */
export interface Obstacle {
  why: string
  /** The command that takes it away, where there is one. */
  help?: string
}

const containerOptions = ['seccomp', 'apparmor', 'systempaths']
  .map((name) => `--security-opt ${name}=unconfined`)
  .join(' ')
const containerHelp = `docker run ${containerOptions} …`

/**
 * What unshare starts has its profile, so that one is enough. Those of the package
 * apparmor-profiles would not do: they let bwrap and unshare make namespaces, but nothing in these
 * may mount.
 */
const profile = 'abi <abi/4.0>, profile mcp-berth /usr/bin/unshare flags=(unconfined) { userns, }'
const profileFile = '/etc/apparmor.d/mcp-berth'

const enoughNamespaces = 15_000

/**
 * Why a namespace could not be had here: every cause that is known and holds, because taking one
 * of two away would not help.
 *
 * @param problem what the program said that tried
 */
export function obstaclesTo(problem: string, settings: KernelSettings): Obstacle[] {
  const { coversOfProc, isContainer } = settings
  if (/not installed/.test(problem)) return [{ why: problem }]
  if (/mount (\/?proc)\b/.test(problem) && coversOfProc.length > 0) {
    const [first = '', ...more] = coversOfProc
    const which = more.length === 0 ? first : `${first} and ${more.length} more`
    return [
      {
        why: `parts of /proc are covered (${which}), and the kernel gives a new /proc only to who sees all of the old one`,
        help: isContainer ? containerHelp : sudo(`umount ${coversOfProc.join(' ')}`, settings),
      },
    ]
  }
  const isExhausted = /No space left|ENOSPC/.test(problem)
  const found = [
    ...kernelObstacles(isExhausted, settings),
    ...(isExhausted ? [] : processObstacles(settings)),
  ]
  if (found.length > 0) return found
  return isContainer
    ? [{ why: `${problem}; a container may do so little`, help: containerHelp }]
    : [{ why: problem }]
}

/** What holds for every ordinary user of this machine. */
function kernelObstacles(isExhausted: boolean, settings: KernelSettings): Obstacle[] {
  const { isAdmin, maxUserNamespaces: most } = settings
  // A container has no settings of its own.
  const where = settings.isContainer ? '   # on the host' : ''
  const set = (setting: string, value: number) =>
    `${sudo(`sysctl -w ${setting}=${value}`, settings)}${where}`
  if (!settings.hasUserNamespaces) {
    return [{ why: 'this kernel was built without user namespaces (CONFIG_USER_NS)' }]
  }
  const found: Obstacle[] = []
  if (most === 0) {
    found.push({
      why: 'user.max_user_namespaces is 0: nobody may have any',
      help: set('user.max_user_namespaces', enoughNamespaces),
    })
  } else if (isExhausted && most !== undefined) {
    found.push({
      why: `all ${most} user namespaces that user.max_user_namespaces allows are in use, or they are nested too deep`,
      help: set('user.max_user_namespaces', most * 2),
    })
  }
  if (settings.unprivilegedClone === 0 && !isAdmin) {
    found.push({
      why: 'kernel.unprivileged_userns_clone is 0: only root may have them',
      help: set('kernel.unprivileged_userns_clone', 1),
    })
  }
  const isConfined = isEnforced(settings.appArmorProfile)
  if (settings.appArmorRestriction === 1 && !isAdmin && !isConfined && !isExhausted) {
    found.push({
      why: `AppArmor takes their rights away (kernel.apparmor_restrict_unprivileged_userns is 1, as on Ubuntu since 23.10) from programs without a profile that gives them; set to 0, the restriction is lifted for all programs`,
      help: `echo '${profile}' | ${sudo(`tee ${profileFile}`, settings)} && ${sudo(`apparmor_parser -r ${profileFile}`, settings)}${where}`,
    })
  }
  return found
}

/** What holds for this process, whatever the machine allows to others. */
function processObstacles(settings: KernelSettings): Obstacle[] {
  const { isFiltered, isContainer, isAdmin, appArmorProfile = '' } = settings
  const [name = ''] = appArmorProfile.split(' ')
  const found = [
    ...(isFiltered ? ['a filter of system calls (seccomp)'] : []),
    ...(isEnforced(appArmorProfile) ? [`the AppArmor profile ${name}`] : []),
  ]
  if (found.length === 0) return []
  const what = found.join(' and ')
  if (isContainer) {
    const without = isAdmin ? '' : ' without CAP_SYS_ADMIN'
    return [{ why: `${what} of this container${without} forbids it`, help: containerHelp }]
  }
  return [
    {
      why: `${what} on this process forbids it: start the gateway outside of the sandbox, or as a service without RestrictNamespaces= and SystemCallFilter=`,
    },
  ]
}

const isEnforced = (profileOfProcess: string | undefined): boolean =>
  profileOfProcess?.endsWith('(enforce)') === true

/** As this user has to write it. */
export function sudo(command: string, { isRoot }: Pick<KernelSettings, 'isRoot'>): string {
  return isRoot ? command : `sudo ${command}`
}
