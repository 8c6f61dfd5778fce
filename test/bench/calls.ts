import { cpuUs, median, openSession, post, table } from './measure.ts'
import { withTargets } from './targets.ts'

/** What a call costs on its way: time alone, and processor time of what stands in between. */
const aloneRounds = 60
const callsAlone = 100
const togetherRounds = 9
const callsTogether = 3000

await withTargets(async ({ direct, bare, berth }) => {
  const targets = [
    { name: 'direct', url: direct.url, pid: undefined },
    { name: 'bare @fastify/http-proxy', url: bare.url, pid: bare.pid },
    { name: 'berth', url: berth.httpUrl, pid: berth.pid },
  ].map((target) => ({ ...target, alone: [] as number[], cpu: [] as number[] }))
  const ids = new Map<string, string | undefined>()
  for (const { url } of targets) ids.set(url, await openSession(url))
  const call = (url: string, id: number): Promise<unknown> =>
    post(
      url,
      { id, method: 'tools/call', params: { name: 'echo', arguments: { text: 'hello' } } },
      ids.get(url),
    )

  let id = 1
  for (const target of targets)
    for (let at = 0; at < 3000; at += 1) await call(target.url, (id += 1))
  // Short turns, so that what else the machine does falls on all alike.
  for (let round = 0; round < aloneRounds; round += 1) {
    for (const target of targets) {
      const startedAt = process.hrtime.bigint()
      for (let at = 0; at < callsAlone; at += 1) await call(target.url, (id += 1))
      target.alone.push(Number(process.hrtime.bigint() - startedAt) / 1000 / callsAlone)
    }
  }
  for (let round = 0; round < togetherRounds; round += 1) {
    for (const target of targets) {
      if (target.pid === undefined) continue
      const before = cpuUs(target.pid)
      let left = callsTogether
      const lane = async (): Promise<void> => {
        while (left > 0) {
          left -= 1
          await call(target.url, (id += 1))
        }
      }
      await Promise.all(Array.from({ length: 8 }, lane))
      target.cpu.push((cpuUs(target.pid) - before) / callsTogether)
    }
  }
  const directUs = median(targets[0]?.alone ?? [])
  const bareAdded = median(targets[1]?.alone ?? []) - directUs
  const bareCpu = median(targets[1]?.cpu ?? [])
  table(
    `Calls over HTTP, medians of ${aloneRounds} and ${togetherRounds} turns each`,
    targets.map(({ name, alone, cpu }, at) => {
      const added = median(alone) - directUs
      return {
        name,
        'µs per call, 1 in flight': median(alone).toFixed(0),
        'added µs': at === 0 ? '' : added.toFixed(0),
        'of bare': at === 0 ? '' : (added / bareAdded).toFixed(2),
        'CPU µs per call, 8 in flight': at === 0 ? '' : median(cpu).toFixed(0),
        'of bare ': at === 0 ? '' : (median(cpu) / bareCpu).toFixed(2),
      }
    }),
  )
})
