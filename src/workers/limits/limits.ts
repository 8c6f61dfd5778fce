import type { Enforcement, Limits, Usage } from '../driver.ts'

/** Limits and measures workers by control groups, one set of groups for each worker. */
export interface LimitGroups {
  /**
   * For memory, cpus, pids and open files; the disk is the driver's business. Found out once, by
   * doing it. On cgroup v2 that may move this process into a group of its own, so ask before the
   * first child is started: a child that stays behind keeps the groups from being made.
   */
  enforcement(): Enforcement[]
  /**
   * Makes the groups of one worker, its limits written. A worker without limits gets them too, to
   * be measured by.
   *
   * @returns undefined where no controller can be used
   * @throws an Error with the reason when they cannot be made or a limit cannot be written;
   * nothing is left behind then
   */
  create(workerId: string, limits: Limits): Group | undefined
  /**
   * Finds the groups of a worker that another gateway made, to be read or removed.
   *
   * @param where what `Group.where` said; without it, where this gateway would make them
   */
  find(workerId: string, where?: string): Group | undefined
}

/** The groups of one worker. */
export interface Group {
  /**
   * A process joins by writing `0` into each of them: one on cgroup v2, one for each hierarchy on
   * v1. The worker's wrapper does before it becomes the server.
   */
  readonly procsFiles: string[]
  /** To find them again from a gateway that is in other groups itself. */
  readonly where: string
  /** Where the kernel counts, as `oom_kill`, what it has killed for want of memory. */
  readonly oomFile: string | undefined
  usage(): Usage
  /** How many of its processes the kernel has killed for want of memory. */
  oomKills(): number
  /** How often its processes had to wait because their share of the cores was used up. */
  throttled(): number
  /** Sends SIGKILL to everything in it. Returns before the last of it has ended. */
  kill(): void
  /**
   * Removes the groups once they are empty, and waits at most a second for that. Never rejects:
   * what is left then holds a process that cannot be killed. Afterwards `usage()` is empty.
   */
  remove(): Promise<void>
}
