import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'

import type { Tree } from '../ground/process-tree.ts'
import { markedTree, namespaceTree, workerIdVariable, workerMark } from '../ground/process-tree.ts'
import type { KeeperSpec } from './protocol.ts'

/** What is to be ended with the server. */
export function treeOf({ wrapped, workerId }: KeeperSpec, ownPidNamespace: boolean): Tree {
  // Beside a sandbox there may be what leads its network out.
  if (wrapped?.stays === true) return markedTree(workerMark(workerId), [process.pid])
  return ownPidNamespace ? namespaceTree : markedTree(workerMark(workerId))
}

/** @throws where not even that can be begun; the usual problems come as `error` */
export function spawnServer(spec: KeeperSpec): ChildProcess {
  const file = spec.wrapped?.file ?? null
  const fd = file === null ? undefined : openSync(file, 'r')
  try {
    return spawn(spec.command, spec.args, {
      cwd: spec.cwd,
      env: { ...spec.env, [workerIdVariable]: spec.workerId },
      // A process group of its own, so that SIGTERM reaches what a wrapper such as npx started.
      detached: true,
      stdio: [
        spec.transport === 'stdio' ? 'pipe' : 'ignore',
        'pipe',
        'pipe',
        ...(fd === undefined ? [] : [fd]),
      ],
    })
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}
