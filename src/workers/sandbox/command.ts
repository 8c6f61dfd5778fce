import { existsSync, mkdirSync, realpathSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import type { LocalSpec } from '../driver.ts'
import type { KeeperSpec } from '../../keeper/protocol.ts'
import { hasMountsInside } from './mounts.ts'
import type { SandboxTools } from './probe.ts'
import type { View } from './view.ts'
import { isWithin } from './view.ts'

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
  const { network, outbound, mounts } = launch.sandbox
  const { home, links } = view
  const disk = join(directory, 'disk')
  mkdirSync(disk, { recursive: true, mode: 0o700 })
  const copied = tools.overlay === null ? [] : view.copies.filter(canBeCopied)
  const shown = [...view.folders, ...view.copies.filter((path) => !copied.includes(path))]
  const nothing = join(directory, 'nothing')
  writeFileSync(nothing, '', { mode: 0o400 })
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
    ...shown.flatMap((path) => ['--ro-bind', path, path]),
    ...copied.flatMap((path, index) => ['--bind', join(disk, `${index + 1}`, 'all'), path]),
    ...view.hidden.flatMap((path) =>
      statSync(path).isDirectory()
        ? ['--size', '4096', '--perms', '0500', '--tmpfs', path]
        : ['--ro-bind', nothing, path],
    ),
    ...(workspace === undefined
      ? []
      : launch.limits.diskBytes === undefined
        ? ['--bind', workspace, workspace]
        : onDisk('workspace', workspace)),
    ...mounts.flatMap(({ from, to, write }) => [write ? '--bind' : '--ro-bind', from, to]),
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
      ...copied,
      ...['--', tools.bwrap, ...args],
    ],
    cwd: '/',
    env: { ...spec.env, HOME: home, TMPDIR: '/tmp' },
    wrapped: { command: spec.command, cwd: spec.cwd, file: tools.seccompFile, stays: true },
  }
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
