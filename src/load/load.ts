import { writeFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import type { Writable } from 'node:stream'

import type { Column } from './break-outs.ts'
import { tryBreakOuts } from './break-outs.ts'
import type { Containment, Level } from './containment.ts'
import { judgeContainment } from './containment.ts'
import type { AdminAccess, LoadPlan, ProfileName, ScenarioTool, User } from './drive/plan.ts'
import { spread } from './drive/spread.ts'
import type { Progress } from './progress.ts'
import { htmlReport } from './report/html.ts'
import { junitReport } from './report/junit.ts'
import type { LoadReport } from './report/report.ts'
import { makeReport } from './report/report.ts'
import { drawSeed } from './search/canaries.ts'
import type { SelfTestCase } from './self-test/self-test.ts'

/** Everything that a run is told. */
export interface LoadOptions {
  url: URL
  /** What the report calls it. */
  shown: string
  sessions: number
  durationMs: number
  calls: number | null
  ratePerSecond: number | null
  profile: ProfileName | { file: string; tools: ScenarioTool[] }
  /** Processes of the driver. */
  workers: number
  /** At least one, who may be nobody. */
  users: User[]
  timeoutMs: number
  /** See `LoadPlan`; default: no bundle. */
  members?: string[]
  chaos: boolean
  admin: AdminAccess | undefined
  /** Ways of isolating workers to be tried; none where the probe is not there. */
  columns: Column[]
  /** What the workers of the load have to stand, in which column. */
  required: { level: Level; column: string } | undefined
  selfTest: SelfTestCase[] | null
  /** Of the gateway and its workers, while all sessions are open. */
  memoryOf: ((sessions: number) => number | null) | undefined
  progress: Progress
  signal: AbortSignal
}

const openAtOnce = 16
const faultsEveryMs = 500

/** Tests one target from beginning to end. */
export async function testTarget(options: LoadOptions): Promise<LoadReport> {
  const { progress, signal, selfTest, memoryOf } = options
  const startedAt = new Date()
  const containment = await contain(options)
  const plan = planOf(options)
  let bytesPerSession: number | null = null
  let wasOpening = true
  const result = await spread(plan, options.workers, {
    signal,
    onSnapshot(snapshot) {
      // Once, when the last one has been opened.
      if (wasOpening && snapshot.phase === 'load') {
        wasOpening = false
        bytesPerSession = memoryOf?.(snapshot.open) ?? null
      }
      progress.show(snapshot)
    },
  })
  progress.end()
  return makeReport({
    plan,
    result,
    startedAt,
    machine: describeMachine(),
    target: options.shown,
    configuration: configurationOf(options),
    containment,
    selfTest,
    bytesPerSession,
  })
}

function planOf(options: LoadOptions): LoadPlan {
  const { profile, chaos, admin } = options
  return {
    url: options.url.href,
    seed: drawSeed(),
    firstNumber: 1,
    stride: 1,
    sessions: options.sessions,
    profile: typeof profile === 'string' ? profile : { tools: profile.tools },
    ratePerSecond: options.ratePerSecond,
    durationMs: options.durationMs,
    calls: options.calls,
    users: options.users,
    timeoutMs: options.timeoutMs,
    members: options.members,
    openAtOnce,
    chaos: chaos ? { admin, everyMs: faultsEveryMs } : null,
  }
}

async function contain(options: LoadOptions): Promise<Containment | null> {
  const { columns, required, users, progress, signal } = options
  if (columns.length === 0) return null
  const found = await tryBreakOuts(columns, {
    user: users[0] ?? { name: 'anybody', headers: {} },
    signal,
    onColumn: (name) => progress.say(`trying to break out: ${name} …`),
  })
  const judged = required && {
    ...required,
    ...judgeContainment(found, required.level, required.column),
  }
  return { ...found, required: judged ?? null }
}

function configurationOf(options: LoadOptions): Record<string, string> {
  const { profile, ratePerSecond, durationMs, calls, users, chaos } = options
  return {
    target: options.shown,
    sessions: String(options.sessions),
    profile: typeof profile === 'string' ? profile : `scenario ${profile.file}`,
    rate:
      ratePerSecond === null
        ? 'one exchange of each session behind the other (closed loop)'
        : `${ratePerSecond} exchanges/s, whatever the answers take (open loop)`,
    'at most': [`${durationMs / 1000} s`, ...(calls === null ? [] : [`${calls} exchanges`])].join(
      ', ',
    ),
    users: users.length > 1 ? String(users.length) : 'one',
    'processes of the driver': String(options.workers),
    faults: chaos ? `one every ${faultsEveryMs} ms` : 'none',
  }
}

function describeMachine(): string {
  const model = cpus()[0]?.model ?? 'unknown processor'
  const gib = (totalmem() / 1024 ** 3).toFixed(0)
  return `${availableParallelism()} cores of ${model}, ${gib} GiB, ${process.platform}, Node ${process.version}`
}

/** Writes the files that were asked for. */
export function writeReports(
  report: LoadReport,
  files: { html: string | undefined; junit: string | undefined },
  err: Writable,
): void {
  const all = [
    [files.html, htmlReport],
    [files.junit, junitReport],
  ] as const
  for (const [file, write] of all) {
    if (file === undefined) continue
    writeFileSync(file, write(report))
    err.write(`wrote ${file}\n`)
  }
}
