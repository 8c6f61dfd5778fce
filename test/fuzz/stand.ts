import { strict as assert } from 'node:assert'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { atEnd } from '../support/at-end.ts'
import type { TestConfig, TestServer } from '../support/config.ts'
import { compiled, testConfig, testServer } from '../support/config.ts'
import { eventually } from '../support/eventually.ts'
import { alive } from '../support/processes.ts'
import { callTool, openSession } from '../support/raw-mcp.ts'
import type { Owner } from '../support/temp.ts'
import { tempDir } from '../support/temp.ts'
import type { DiskFault } from './failing-disk.ts'

/** What `stand-program.ts` tells. */
export type FromStand =
  | { url: string; adminUrl: string }
  | { fault: string }
  | { event: string; news: unknown }
  | { done: true; calls: number }

/** What it is told: which calls of the disk fail from now on; none without it. */
export interface ToStand {
  disk?: DiskFault
}

/** A gateway in a process of its own that is attacked, with a session that must not notice. */
export interface Stand {
  url: string
  adminUrl: string
  stateDir: string
  /** Of the bystander. */
  sessionId: string
  mcp(server: string): string
  /** How many sessions have ended so far. */
  closed(): number
  /** Makes calls of the gateway's disk fail, or mends it. @returns how many there were so far */
  disk(fault?: DiskFault): Promise<number>
  /**
   * Whether the gateway lives, nothing was left uncaught in it or in a keeper, and the bystander is
   * answered as before, by the same worker.
   *
   * @param isPatient whether the answer may be an error for a while
   */
  check(isPatient?: boolean): Promise<void>
  /** What was left uncaught. */
  faults(): readonly string[]
}

export interface StandOptions {
  servers: Record<string, TestServer>
  config?: TestConfig
  stateDir?: string
  /** Headers of the bystander. */
  headers?: Record<string, string>
}

interface Identity {
  session: string
  pid: number
}

/** The session that must not notice is one of this server. */
export const bystander = 'bystander'

export async function startStand(t: Owner, options: StandOptions): Promise<Stand> {
  const { servers, config = {}, stateDir = tempDir(t), headers = {} } = options
  const quiet: TestServer = {
    command: ['node', compiled('test/fixtures/workers/tells-who.js')],
    graceMs: 200,
  }
  const configured = Object.entries({ ...servers, [bystander]: quiet }).map(([name, server]) =>
    testServer(name, server),
  )
  const words = [JSON.stringify(testConfig(stateDir, configured, config))]
  const child = fork(compiled('test/fuzz/stand-program.js'), words, {
    execArgv: ['--enable-source-maps'],
  })
  const exited = once(child, 'exit')
  atEnd(t, async () => {
    if (child.connected) child.disconnect()
    await exited
  })

  const faults: string[] = []
  let ended = 0
  let ready: { url: string; adminUrl: string } | undefined
  let answered: ((calls: number) => void) | undefined
  child.on('message', (news: FromStand) => {
    if ('fault' in news) faults.push(news.fault)
    else if ('url' in news) ready = news
    else if ('done' in news) answered?.(news.calls)
    else if (news.event === 'session.closed') ended += 1
  })
  const { url, adminUrl } = await eventually(() => {
    assert.deepEqual(faults, [])
    assert.equal(child.exitCode, null)
    return ready ?? assert.fail('it is not ready')
  })

  const target = { url: `${url}/servers/${bystander}/mcp`, headers }
  const sessionId = await openSession(target)
  const identify = (): Promise<Identity> => callTool<Identity>(target, sessionId, 'identify')
  const before = await identify()

  return {
    url,
    adminUrl,
    stateDir,
    sessionId,
    mcp: (server) => `${url}/servers/${server}/mcp`,
    closed: () => ended,
    faults: () => faults,
    async disk(fault) {
      const told = new Promise<number>((resolve) => (answered = resolve))
      child.send((fault === undefined ? {} : { disk: fault }) satisfies ToStand)
      return told
    },
    async check(isPatient = false) {
      assert.deepEqual(faults, [], 'nobody has caught it')
      assert.ok(child.exitCode === null && child.signalCode === null, 'the gateway has ended')
      assert.ok(alive(child.pid ?? 0))
      const now = isPatient ? await eventually(identify) : await identify()
      assert.deepEqual(now, before, 'the bystander is somebody else')
      const said = saidByKeepers(stateDir)
      assert.ok(!/^ {4}at /m.test(said), `a keeper failed: ${said.slice(-3000)}`)
      assert.deepEqual(faults, [], 'nobody has caught it')
    },
  }
}

function saidByKeepers(stateDir: string): string {
  try {
    return readFileSync(join(stateDir, 'keepers.log'), 'utf8')
  } catch {
    return ''
  }
}
