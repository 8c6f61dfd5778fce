import { existsSync } from 'node:fs'
import { resolve } from 'node:path'

/** One tree of control groups that this process is in, as far as it can be seen here. */
export interface Hierarchy {
  version: 1 | 2
  /** v1: what is attached to it. v2: empty, the groups themselves tell. */
  controllers: string[]
  mountPoint: string
  /** Of the group that this process is in; the mount point where that one cannot be seen. */
  ownDir: string
  /** The group's name as the kernel has it, for people. */
  path: string
}

interface Mount {
  version: 1 | 2
  root: string
  mountPoint: string
  options: string[]
}

/**
 * @param cgroup what /proc/self/cgroup says: lines `id:controllers:path` (cgroups(7))
 * @param mountinfo what /proc/self/mountinfo says (proc(5))
 */
export function findHierarchies(cgroup: string, mountinfo: string): Hierarchy[] {
  const mounts = mountinfo
    .split('\n')
    .map(mountOf)
    .filter((mount) => mount !== undefined)
  return cgroup
    .split('\n')
    .map((line) => /^(\d+):([^:]*):(.*)$/.exec(line))
    .filter((match) => match !== null)
    .flatMap(([, id = '', names = '', path = '']) => {
      const controllers = names === '' ? [] : names.split(',')
      const version = id === '0' && controllers.length === 0 ? 2 : 1
      const its = mounts.filter(
        (mount) =>
          mount.version === version && controllers.every((name) => mount.options.includes(name)),
      )
      const place = its.map((mount) => placeIn(mount, path))
      const best = place.find(({ isVisible }) => isVisible) ?? place[0]
      if (best === undefined) return []
      const { mountPoint, ownDir } = best
      return [{ version, controllers, mountPoint, ownDir, path } satisfies Hierarchy]
    })
}

/** In a container the group may lie above the mount's root, or be told as of another namespace. */
function placeIn(mount: Mount, path: string) {
  const { root, mountPoint } = mount
  const above = root === '/' ? '' : root
  const isBelow = path === root || path.startsWith(`${above}/`)
  // Without a slash at the end: it is compared with the mount point.
  const dir = resolve(mountPoint, isBelow ? `.${path.slice(above.length)}` : '.')
  const isVisible = isBelow && !path.split('/').includes('..') && existsSync(dir)
  return { mountPoint, ownDir: isVisible ? dir : mountPoint, isVisible }
}

function mountOf(line: string): Mount | undefined {
  const [left = '', right = ''] = line.split(' - ')
  const [, , , root = '', mountPoint = ''] = left.split(' ').map(unescaped)
  const [type, , options = ''] = right.split(' ')
  if (type !== 'cgroup' && type !== 'cgroup2') return undefined
  return { version: type === 'cgroup' ? 1 : 2, root, mountPoint, options: options.split(',') }
}

const unescaped = (field: string): string =>
  field.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  )
