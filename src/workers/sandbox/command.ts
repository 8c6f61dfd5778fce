import { existsSync, mkdirSync, realpathSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { realOf } from '../../ground/mount-rules.ts'
import { isWithin } from '../../ground/safe-path.ts'
import type { LocalSpec, Mount } from '../driver.ts'
import type { KeeperSpec } from '../../keeper/protocol.ts'
import { maskArgs, masksOf } from './masks.ts'
import { hasMountsInside } from './mounts.ts'
import type { SandboxTools } from './probe.ts'
import type { View } from './view.ts'

/**
 * Mounts in a mount namespace of its own, so that the end of its processes is the end of them: a
 * disk of the session's own in memory, of a fixed size, and on it the copies (overlays) of folders.
 */
const script = `
size=$1 files=$2 disk=$3 options=$4; shift 4
mount -t tmpfs -o "size=$size,nr_inodes=$files,mode=0700,nosuid,nodev" berth "$disk" || exit 125
mkdir "$disk/tmp" "$disk/home" "$disk/workspace" || exit 125
n=0
while [ "$1" != -- ]; do
  n=$((n + 1)); mkdir -p "$disk/$n/new" "$disk/$n/work" "$disk/$n/all"
  mount -t overlay berth "$disk/$n/all" \\
    -o "lowerdir=$1,upperdir=$disk/$n/new,workdir=$disk/$n/work$options" || exit 125
  shift
done
shift
exec "$@"`

/** What a session may write when its server has no limits.disk: it is memory. */
export const usualDiskBytes = 1024 ** 3

/** Empty files take memory of the kernel, too: of each disk there is one for so many bytes. */
const bytesPerFile = 4096
const fewestFiles = 4096

/** Options of overlayfs have no way to name folders with these. */
const unmountable = /[,:\\"\n]/

function canBeCopied(folder: string): boolean {
  return !unmountable.test(folder) && !hasMountsInside(folder)
}

/** The DNS server in a network of slirp4netns. */
const privateResolver = 'nameserver 10.0.2.3\n'

/**
 * The sandbox around a server's own command. Not with `--die-with-parent`: what the command has
 * started may need its time after the command has ended, and the PID namespace of the keeper ends
 * all of it in any case.
 *
 * @param spec what would be started without one
 */
export function sandboxed(
  spec: KeeperSpec,
  local: LocalSpec,
  { tools, view }: { tools: SandboxTools; view: View },
): KeeperSpec {
  const { launch, directory, cwd, env } = local
  const { network, outbound } = launch.sandbox
  const { home, links } = view
  const disk = join(directory, 'disk')
  mkdirSync(disk, { recursive: true, mode: 0o700 })
  const nothing = join(directory, 'nothing')
  writeFileSync(nothing, '', { mode: 0o400 })
  /** Folders of which the script makes a copy each, in this order. */
  const layers: string[] = []
  const copyOf = (folder: string): string => join(disk, String(layers.push(folder)), 'all')
  const canCopy = (folder: string): boolean =>
    tools.overlay !== null && isFolder(folder) && canBeCopied(folder)
  const mask = (path: string): string[] =>
    maskArgs(masksOf({ from: path, to: path }, view.hidden), nothing)
  /**
   * Where something is hidden, as a copy if that can be: when a file is replaced by another outside,
   * the kernel takes away what is mounted over it inside.
   */
  const show = ({ from, to, write }: Mount, hidden = view.hidden): string[] => {
    const masks = masksOf({ from, to }, hidden)
    const source = masks.length > 0 && !write && canCopy(from) ? copyOf(from) : from
    return [write ? '--bind' : '--ro-bind', source, to, ...maskArgs(masks, nothing)]
  }
  const workspace = env.BERTH_WORKSPACE
  const onDisk = (name: string, to: string): string[] => ['--bind', join(disk, name), to]

  const args = [
    ...['--unshare-user', '--disable-userns', '--unshare-pid', '--unshare-ipc', '--unshare-uts'],
    ...['--unshare-cgroup-try', '--new-session', '--hostname', 'berth'],
    ...['--cap-drop', 'ALL', '--uid', String(tools.uid), '--gid', String(tools.gid)],
    ...(network === 'none' && launch.transport === 'stdio' ? ['--unshare-net'] : []),
    ...view.system.flatMap((path) => ['--ro-bind', path, path]),
    ...[...links].flatMap(([path, target]) => ['--symlink', target, path]),
    // /dev itself is a disk in memory, too, and has no limit.
    ...['--dev', '/dev', '--size', String(64 * 1024 ** 2), '--tmpfs', '/dev/shm'],
    ...['--remount-ro', '/dev'],
    // As root in a user namespace without capabilities one still owns the kernel's settings.
    ...['--proc', '/proc', '--ro-bind', '/proc/sys', '/proc/sys', '--dir', '/run', '--dir', '/var'],
    ...resolverArgs(network === 'private' && outbound ? directory : undefined),
    ...onDisk('tmp', '/tmp'),
    ...onDisk('tmp', '/var/tmp'),
    ...onDisk('home', home),
    ...view.system.flatMap(mask),
    ...view.folders.flatMap((path) => show({ from: path, to: path, write: false })),
    ...view.copies.flatMap((path) =>
      canCopy(path)
        ? ['--bind', copyOf(path), path, ...mask(path)]
        : show({ from: path, to: path, write: false }),
    ),
    ...(workspace === undefined
      ? []
      : launch.limits.diskBytes === undefined
        ? ['--bind', workspace, workspace]
        : onDisk('workspace', workspace)),
    ...launch.sandbox.mounts.flatMap((mount) => {
      // What a mount names itself of the system, it shows.
      const from = realOf(mount.from)
      return show(
        { ...mount, from },
        view.hidden.filter((path) => path !== from),
      )
    }),
    ...['--remount-ro', '/', '--chdir', isWithin(home, cwd) ? home : cwd],
    ...(tools.seccompFile === null ? [] : ['--seccomp', '3']),
    '--',
    spec.command,
    ...spec.args,
  ]
  const diskBytes = launch.limits.diskBytes ?? usualDiskBytes
  const files = Math.max(fewestFiles, Math.floor(diskBytes / bytesPerFile))
  const options = tools.overlay ?? ''
  const [command, ...prefix] = tools.mountNamespace
  return {
    ...spec,
    command,
    args: [
      ...prefix,
      ...['sh', '-c', script, 'berth-sandbox', String(diskBytes), String(files), disk, options],
      ...layers,
      ...['--', tools.bwrap, ...args],
    ],
    cwd: '/',
    env: { ...spec.env, HOME: home, TMPDIR: '/tmp' },
    wrapped: { command: spec.command, cwd: spec.cwd, file: tools.seccompFile, stays: true },
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

/** Where names are looked up: systemd and others keep that outside of /etc. */
function resolverArgs(directory: string | undefined): string[] {
  const file = '/etc/resolv.conf'
  if (!existsSync(file)) return []
  const real = realpathSync(file)
  if (directory === undefined) {
    return isWithin(real, '/etc') ? [] : ['--dir', dirname(real), '--ro-bind', real, real]
  }
  const own = join(directory, 'resolv.conf')
  writeFileSync(own, privateResolver, { mode: 0o644 })
  return [...(isWithin(real, '/etc') ? [] : ['--dir', dirname(real)]), '--ro-bind', own, real]
}
