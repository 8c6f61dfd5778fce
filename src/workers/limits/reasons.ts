import { messageOf } from '../../ground/errors.ts'
import { codeOf } from './cgroup-files.ts'
import type { Hierarchy } from './hierarchies.ts'

const scope = 'systemd-run --user --scope -p Delegate=yes'

/** Why no group could be made, and what would help. */
export function whyNoGroup(thrown: unknown, { version, mountPoint, path }: Hierarchy): string {
  const code = codeOf(thrown)
  if (code === 'EROFS') {
    return `${mountPoint} is read-only, as in most containers: limit the container itself, or give it a cgroup file system that it may write to`
  }
  if (code !== 'EACCES' && code !== 'EPERM') return messageOf(thrown)
  return version === 1
    ? `only root may make cgroups here (${mountPoint}, cgroup v1): start the gateway as root`
    : `the cgroup ${path} is not delegated to you: start the gateway with ${scope} mcp-berth serve`
}

/** Processes of others live in a group whose controllers we would hand on. */
export function whyShared(path: string, others: number): string {
  const who = others === 1 ? 'another process lives' : `${others} other processes live`
  return `${who} in the cgroup ${path}, and the kernel limits no groups below such a one: start the gateway alone in it, neither through a shell nor npx, with ${scope} mcp-berth serve`
}

/** The hierarchy can be used, but not this controller. */
export function whyNoController(name: string, hierarchies: Hierarchy[]): string {
  const unified = hierarchies.find(({ version }) => version === 2)
  if (hierarchies.length === 0) return 'no cgroup file system is mounted here'
  if (unified === undefined || hierarchies.length > 1) {
    return `no hierarchy with the cgroup controller ${name} is mounted here: mount it, or boot with cgroup_enable=${name}`
  }
  return `the controller ${name} is not delegated to the cgroup ${unified.path}: put Delegate=cpu memory pids io into the unit above it (systemctl edit user@.service), or boot with cgroup_enable=${name}`
}

export function whyCannotJoin(dir: string): string {
  return `a process could not be put into a cgroup in ${dir}: start the gateway as the user who owns that folder`
}
