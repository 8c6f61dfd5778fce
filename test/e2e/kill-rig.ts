import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'

import { handleOf } from '../../src/ground/handle.ts'
import type { TestServer } from '../support/config.ts'
import { compiled } from '../support/config.ts'
import type { GatewayProcess, GatewayProcessOptions } from '../support/killable-gateway.ts'
import { startGatewayProcess } from '../support/killable-gateway.ts'
import type { ProcessEntry } from '../support/processes.ts'
import { commandOf, descendants, listProcesses, processesWith } from '../support/processes.ts'
import { callTool, openSession, post } from '../support/raw-mcp.ts'
import type { Owner } from '../support/temp.ts'

/** A session and the processes of its worker, as they were when it had opened. */
export interface OpenSession {
  id: string
  handle: string
  /** From the process that the gateway started to the last grandchild. */
  tree: ProcessEntry[]
  /** One of them, by what its command line looks like; the first from above. */
  find(command: RegExp): ProcessEntry
  /** Those that still run. */
  left(): ProcessEntry[]
  /** Calls the worker: it answers with pids, its own and that of its child. */
  ask(): Promise<unknown>
  /** The status of one more request. */
  status(): Promise<number>
}

export interface KillRig extends GatewayProcess {
  open(): Promise<OpenSession>
  /** Processes of workers of any gateway with this mark. */
  marked(): ProcessEntry[]
}

export const newMark = (): string => randomBytes(8).toString('hex')

/** A gateway to kill, with a server whose tree is as hard to kill as can be. */
export async function startKillRig(
  t: Owner,
  mark: string,
  options: GatewayProcessOptions,
  server: TestServer = {},
): Promise<KillRig> {
  const command: [string, string] = ['node', compiled('test/fixtures/workers/deep-tree.js')]
  const env = { PATH: process.env['PATH'] ?? '', BERTH_TEST_MARK: mark }
  const gateway = await startGatewayProcess(
    t,
    // Nothing of it ends for being asked to. With a keeper of its own, which is in the tree.
    { deep: { command, env, graceMs: 200, sessionsPerKeeper: 1, ...server } },
    options,
  )
  const target = { url: gateway.mcp('deep') }
  return {
    ...gateway,
    marked: () => processesWith(`BERTH_TEST_MARK=${mark}`),
    async open() {
      const id = await openSession(target)
      const handle = handleOf(id)
      const ask = () => callTool(target, id, 'identify')
      // Its grandchild is there when it can be called.
      await ask()
      const { pid = 0 } = await gateway.saw('worker.started', ({ session }) => session === handle)
      const all = listProcesses()
      // It is the init of a namespace, where there is one: what has made that stands above.
      const above = all.find((entry) => entry.pid === pid)?.parentPid ?? 0
      const outermost = /^\S*unshare /.test(commandOf(above)) ? above : pid
      const tree = [
        ...all.filter((entry) => entry.pid === outermost),
        ...descendants(outermost, all),
      ]
      return {
        id,
        handle,
        tree,
        ask,
        find(pattern) {
          const found = tree.find((entry) => pattern.test(commandOf(entry.pid)))
          assert.ok(found !== undefined, `${pattern.source} in the tree of ${handle}`)
          return found
        },
        left: () => stillThere(tree),
        async status() {
          const answer = await post(target, { jsonrpc: '2.0', id: 1, method: 'ping' }, id)
          await answer.text()
          return answer.status
        },
      }
    },
  }
}

function stillThere(entries: ProcessEntry[]): ProcessEntry[] {
  const now = listProcesses()
  return entries.filter((entry) =>
    now.some(({ pid, startedAt }) => pid === entry.pid && startedAt === entry.startedAt),
  )
}
