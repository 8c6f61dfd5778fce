import { fork } from 'node:child_process'
import { once } from 'node:events'

import { atEnd } from './at-end.ts'
import type { TestServer } from './config.ts'
import { compiled } from './config.ts'
import type { Owner } from './temp.ts'
import { tempDir } from './temp.ts'

/** A gateway in a process of its own, for what cannot be seen from within. */
export interface GatewayProcess {
  mcp(server: string): string
  /** What it holds in memory now. */
  residentBytes(): Promise<number>
}

export async function startGatewayProcess(
  t: Owner,
  servers: Record<string, TestServer>,
): Promise<GatewayProcess> {
  const args = [tempDir(t), JSON.stringify(servers)]
  const child = fork(compiled('test/fixtures/berth.js'), args, { execArgv: ['--expose-gc'] })
  atEnd(t, async () => {
    const exited = once(child, 'exit')
    child.disconnect()
    await exited
  })
  const [{ url }] = (await once(child, 'message')) as [{ url: string }]
  return {
    mcp: (server) => `${url}/servers/${server}/mcp`,
    async residentBytes() {
      child.send('memory')
      const [{ residentBytes }] = (await once(child, 'message')) as [{ residentBytes: number }]
      return residentBytes
    },
  }
}
