import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'

import type { Tree } from '../ground/process-tree.ts'
import { markedTree, namespaceTree, workerIdVariable, workerMark } from '../ground/process-tree.ts'
import type { KeeperSpec } from './protocol.ts'
import type { Spawned } from './spawned.ts'
import { reapedHere } from './usage.ts'

/** What is to be ended with a server whose keeper stands where it does. */
function treeOf({ wrapped, workerId }: KeeperSpec, ownPidNamespace: boolean): Tree {
  // Beside a sandbox there may be what leads its network out.
  if (wrapped?.stays === true) return markedTree(workerMark(workerId), [process.pid])
  return ownPidNamespace ? namespaceTree : markedTree(workerMark(workerId))
}

/** Its environment: what it is found by belongs to it. */
export const environmentOf = ({ env, workerId }: KeeperSpec): Record<string, string> => ({
  ...env,
  [workerIdVariable]: workerId,
})

/** The file that a server finds open as descriptor 3, as long as `use` runs. */
export function withFile<T>({ wrapped }: KeeperSpec, use: (fds: number[]) => T): T {
  const fds = wrapped?.file == null ? [] : [openSync(wrapped.file, 'r')]
  try {
    return use(fds)
  } finally {
    for (const fd of fds) closeSync(fd)
  }
}

/** @throws where not even that can be begun; the usual problems come as `onError` */
export function spawnServer(spec: KeeperSpec, ownPidNamespace: boolean): Spawned {
  const child = withFile(spec, (fds) =>
    spawn(spec.command, spec.args, {
      cwd: spec.cwd,
      env: environmentOf(spec),
      // A process group of its own, so that SIGTERM reaches what a wrapper such as npx started.
      detached: true,
      stdio: [spec.transport === 'stdio' ? 'pipe' : 'ignore', 'pipe', 'pipe', ...fds],
    }),
  )
  return {
    tree: treeOf(spec, ownPidNamespace),
    leader: () => child.pid,
    init: () => undefined,
    reaped: reapedHere,
    onSpawn: (fn) => void child.once('spawn', fn),
    onStreams: (fn) => fn(child),
    onError: (fn) => void child.once('error', fn),
    onExit: (fn) => void child.once('exit', fn),
    onClose: (fn) => void child.once('close', fn),
    letGo: () => undefined,
  }
}
