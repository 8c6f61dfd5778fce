import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import type { Session } from '../../src/load/client/session.ts'
import { createSession } from '../../src/load/client/session.ts'
import { createWire } from '../../src/load/client/wire.ts'
import type { Evidence } from '../../src/load/drive/evidence.ts'
import { createEvidence } from '../../src/load/drive/evidence.ts'
import type { LoadPlan } from '../../src/load/drive/plan.ts'
import type { LoadResult } from '../../src/load/drive/run.ts'
import { runLoad } from '../../src/load/drive/run.ts'
import type { Canaries } from '../../src/load/search/canaries.ts'
import { createCanaries, drawSeed } from '../../src/load/search/canaries.ts'
import { createSearch } from '../../src/load/search/search.ts'
import type { Flaw } from '../../src/load/self-test/flaws.ts'
import { startToyGateway } from '../../src/load/self-test/gateway.ts'
import { atEnd } from '../support/at-end.ts'
import { longEnoughMs } from '../support/patience.ts'
import type { Owner } from '../support/temp.ts'

export async function toy(t: Owner, flaw: Flaw = 'none'): Promise<string> {
  const gateway = await startToyGateway(flaw)
  atEnd(t, () => gateway.close())
  return gateway.url
}

/** Any server over HTTP, by what it does with a request. */
export async function serveHttp(t: Owner, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(t, async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
}

export function planFor(url: string, changes: Partial<LoadPlan> = {}): LoadPlan {
  return {
    url,
    seed: drawSeed(),
    firstNumber: 1,
    stride: 1,
    sessions: 4,
    profile: 'mixed',
    ratePerSecond: 200,
    durationMs: 300,
    calls: null,
    users: [{ name: 'anybody', headers: {} }],
    timeoutMs: longEnoughMs,
    openAtOnce: 4,
    chaos: null,
    ...changes,
  }
}

export function drive(plan: LoadPlan): Promise<LoadResult> {
  return runLoad(plan, { signal: new AbortController().signal, onSnapshot: () => undefined })
}

/** Sessions by themselves, with what is found in them. */
export function watched(
  t: Owner,
  url: string,
): { canaries: Canaries; evidence: Evidence; session(number: number): Session } {
  const seed = drawSeed()
  const canaries = createCanaries(seed)
  const wire = createWire(new URL(url))
  atEnd(t, () => wire.close())
  const evidence = createEvidence({
    canaries,
    search: createSearch(seed.marker),
    sinceStartMs: () => performance.now(),
  })
  return {
    canaries,
    evidence,
    session: (number) =>
      createSession({
        wire,
        watch: evidence.watch(number),
        headers: {},
        timeoutMs: longEnoughMs,
        count: () => undefined,
      }),
  }
}
