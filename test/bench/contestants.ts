import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { compiled } from '../support/config.ts'
import { freePort } from '../support/free-port.ts'
import { tempDir } from '../support/temp.ts'
import type { Contestant } from './contest.ts'
import type { Clients } from './driving.ts'
import { startBuilds, workerEntry } from './gateway.ts'
import { besideWorkers, workersBelow } from './measure.ts'
import { writeNginxConfig } from './nginx.ts'
import type { Bench } from './scope.ts'
import { startTarget, untilListening } from './targets.ts'

export const rival = 'pinning proxy'

/** Berth, and the older build that it is compared with, each with as many sessions. */
export async function startBerths(
  bench: Bench,
  clients: Clients,
  { transport, sessions }: { transport: 'stdio' | 'http'; sessions: number },
): Promise<(Contestant & { pid: number })[]> {
  const started: (Contestant & { pid: number })[] = []
  for (const { name, pid, url } of await startBuilds(bench, { tiny: workerEntry(transport) })) {
    const urls = Array.from({ length: sessions }, () => url('tiny'))
    const processes = (): number[] => besideWorkers(pid)
    started.push({ name, pid, sessions, processes, group: await clients.open(urls) })
  }
  return started
}

/**
 * All that can stand before HTTP workers, before the same ones: those of Berth's sessions, because
 * others would be at another degree of warm. A bare proxy knows one worker only.
 */
export async function startOverHttp(
  bench: Bench,
  clients: Clients,
  { sessions, nginx }: { sessions: number; nginx: string | undefined },
): Promise<Contestant[]> {
  const berths = await startBerths(bench, clients, { transport: 'http', sessions })
  const origins = workersBelow(berths[0]?.pid ?? 0).map(originOf)
  const over = async (
    name: string,
    { url, pid }: { url: string; pid: number },
    count = sessions,
  ): Promise<Contestant> => {
    const group = await clients.open(Array.from({ length: count }, () => `${url}/mcp`))
    return { name, sessions: count, group, processes: () => [pid] }
  }
  const direct = await clients.open(origins.map((origin) => `${origin}/mcp`))
  return [
    { name: 'direct', sessions, group: direct, processes: () => [] },
    ...(nginx === undefined ? [] : [await over('nginx', await startNginx(bench, nginx, origins))]),
    await over('bare proxy', await startProxy(bench, 'bare', origins.slice(0, 1)), 1),
    await over(rival, await startProxy(bench, 'pinning', origins)),
    ...berths,
  ]
}

/** Where a worker listens: it was told in its environment. */
function originOf(pid: number): string {
  const words = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
  const port = words.find((word) => word.startsWith('PORT='))?.slice('PORT='.length)
  return `http://127.0.0.1:${port}`
}

async function startProxy(bench: Bench, name: 'bare' | 'pinning', origins: string[]) {
  const { pid, line } = startTarget(bench, {
    command: [process.execPath, compiled(`test/bench/${name}.js`), ...origins],
  })
  return { pid, url: await line() }
}

async function startNginx(bench: Bench, path: string, origins: string[]) {
  const port = await freePort()
  const folder = tempDir(bench)
  const file = writeNginxConfig({ folder, port, origins })
  const { pid } = startTarget(bench, {
    command: [path, '-p', folder, '-c', file, '-e', join(folder, 'error.log')],
  })
  await untilListening(port)
  return { pid, url: `http://127.0.0.1:${port}` }
}
