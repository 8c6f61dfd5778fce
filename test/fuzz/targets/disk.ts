import fc from 'fast-check'

import { compiled } from '../../support/config.ts'
import { eventually } from '../../support/eventually.ts'
import { callTool, openSession } from '../../support/raw-mcp.ts'
import { rawRequest } from '../../support/raw-http.ts'
import type { DiskFault } from '../failing-disk.ts'
import { tryBatches } from '../fuzz.ts'
import { startStand } from '../stand.ts'
import type { Target } from '../target.ts'

/** Which calls fail while a session begins, works and ends. */
const failing = fc.record({
  code: fc.constantFrom<DiskFault['code']>('EIO', 'ENOSPC', 'EACCES', 'EMFILE', 'EROFS', 'ENOENT'),
  from: fc.nat(30),
  count: fc.constantFrom(1, 1, 2, 5, 1000),
  /** Whether it fails from the end of the session on. */
  isLate: fc.boolean(),
  transport: fc.constantFrom('stdio', 'http'),
})

const size = 4

/** What a disk can do: calls fail, one of them or all from one on. */
export const disk: Target = {
  name: 'disk',
  about: 'a disk that fails at the n-th call, while a session begins, works and ends',
  share: 40,
  async run(t, cases) {
    const server = {
      command: ['node', compiled('test/fixtures/workers/tells-who.js')] as [string, string],
      graceMs: 100,
    }
    const stand = await startStand(t, {
      servers: { stdio: server, http: { ...server, http: true } },
    })
    const below = stand.stateDir

    await tryBatches('disk', cases, { made: failing, size }, async (batch) => {
      for (const { code, from, count, isLate, transport } of batch) {
        const target = { url: stand.mcp(transport) }
        const fault = { code, from, count, below }
        if (!isLate) await stand.disk(fault)
        const id = await openSession(target).catch(() => undefined)
        if (id !== undefined) {
          await callTool(target, id, 'write', { stderr: 'x\n' }).catch(() => undefined)
          if (isLate) await stand.disk(fault)
          const headers = { 'mcp-session-id': id }
          await rawRequest(target.url, { method: 'DELETE', headers })
        }
        await stand.disk()
      }
      await stand.check()
    })
    // What could not be opened has left no place taken.
    await eventually(async () => {
      const id = await openSession({ url: stand.mcp('stdio') })
      await rawRequest(stand.mcp('stdio'), { method: 'DELETE', headers: { 'mcp-session-id': id } })
    })
  },
}
