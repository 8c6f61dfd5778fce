/** A command that limits itself before it becomes another. */
export interface LimitedCommandOptions {
  command: string
  args: string[]
  /** Of its groups (`Group.procsFiles`). */
  procsFiles: string[]
  /** RLIMIT_NOFILE, soft and hard; where less is allowed already, that stays. */
  openFiles?: number
  /**
   * RLIMIT_NPROC: processes and threads of this user in the innermost user namespace (before Linux
   * 5.14: of this user altogether). Only where there is no pids cgroup; it does not bind root.
   */
  pids?: number
  /** RLIMIT_FSIZE: the size of one file, rounded up to 512 bytes. What writes more gets SIGXFSZ. */
  fileBytes?: number
}

/**
 * Wraps a command in `sh`, which takes the limits upon itself, joins the groups and becomes the
 * command: same pid, same streams. If it cannot, it exits with 126 and says why on stderr.
 * Nothing to do: the command comes back as it was.
 *
 * A command that does not exist ends with 127 then, instead of a failed spawn. There is no limit
 * of memory for want of a cgroup: RLIMIT_AS counts address space, of which Node reserves far more
 * than it ever uses, so that it would stop good servers and bind each process, never the worker.
 */
export function limitedCommand(options: LimitedCommandOptions): {
  command: string
  args: string[]
} {
  const { command, args, procsFiles, openFiles, pids, fileBytes } = options
  const steps: string[] = []
  if (openFiles !== undefined) {
    // Refused only where the hard limit is lower.
    steps.push(
      `ulimit -n ${whole(openFiles)} 2>/dev/null || ulimit -S -n "$(ulimit -H -n)" || fail 'its open files could not be limited'`,
    )
  }
  if (fileBytes !== undefined) {
    const blocks = Math.ceil(whole(fileBytes) / 512)
    steps.push(
      `ulimit -f ${blocks} 2>/dev/null || fail 'the size of its files could not be limited'`,
    )
  }
  // Everything that forks must have been done before this one.
  if (pids !== undefined) {
    // dash and busybox call it p, bash u.
    const each = whole(pids)
    steps.push(
      `ulimit -p ${each} 2>/dev/null || ulimit -u ${each} 2>/dev/null || fail 'its processes could not be limited'`,
    )
  }
  if (steps.length === 0 && procsFiles.length === 0) return { command, args }
  const script = [failure, ...steps, join].join('\n')
  return {
    command: 'sh',
    args: ['-c', script, 'berth-limits', ...procsFiles, '--', command, ...args],
  }
}

const failure = `fail() { echo "berth: the worker cannot be limited: $1" >&2; exit 126; }`

/** Files before `--`, the command behind it. `exec` passes on what no quoting could. */
const join = `while [ "$1" != -- ]; do
  echo 0 > "$1" || fail "it could not join $1"
  shift
done
shift
exec "$@"`

/** It becomes part of a script. */
function whole(value: number): number {
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`${value} is not a limit`)
  return value
}
