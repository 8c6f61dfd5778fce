import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { compiled } from '../support/config.ts'
import type { Target } from './measure.ts'
import { agent, startTarget } from './measure.ts'

export interface Targets {
  direct: { url: string; pid: number }
  bare: { url: string; pid: number }
  berth: { httpUrl: string; stdioUrl: string; pid: number }
}

/** The same worker three times: by itself, behind a bare proxy, and behind Berth. */
export async function withTargets(measure: (targets: Targets) => Promise<void>): Promise<void> {
  const stateDir = mkdtempSync(join(tmpdir(), 'berth-bench-'))
  const started: Target[] = []
  const start = async (args: string[], env?: NodeJS.ProcessEnv): Promise<Target> => {
    const target = await startTarget(args, env)
    started.push(target)
    return target
  }
  try {
    const port = await freePort()
    const direct = await start([compiled('test/bench/worker.js')], {
      ...process.env,
      PORT: String(port),
    })
    const bare = await start([compiled('test/bench/bare.js'), `http://127.0.0.1:${port}`])
    const log = join(stateDir, 'berth.log')
    const berth = await start([compiled('test/bench/berth.js'), stateDir, log])
    await measure({
      direct: { url: `http://127.0.0.1:${port}/mcp`, pid: direct.pid },
      bare: { url: `${bare.line}/mcp`, pid: bare.pid },
      berth: {
        httpUrl: `${berth.line}/servers/http/mcp`,
        stdioUrl: `${berth.line}/servers/stdio/mcp`,
        pid: berth.pid,
      },
    })
  } finally {
    agent.destroy()
    await Promise.all(started.map((target) => target.stop()))
    rmSync(stateDir, { recursive: true, force: true })
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}
