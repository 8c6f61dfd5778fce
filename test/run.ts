import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { spec } from 'node:test/reporters'
import { parseArgs } from 'node:util'
import { messageOf } from '../src/ground/errors.ts'
import { cacheDirOf } from './needs/cache.ts'
import { describeOutcomes, environmentOf, prepareNeeds, rememberPrepared } from './needs/prepare.ts'
import type { Outcome } from './needs/prepare.ts'
import { needs } from './needs/table.ts'
import { selectFiles } from './run/files.ts'
import type { TestFile } from './run/files.ts'
import { lastLine } from './run/last-line.ts'
import { watchLeaks } from './run/leaks.ts'
import type { TestEvent } from './run/events.ts'
import { groupsOf } from './run/groups.ts'
import { runFiles } from './run/run-files.ts'
import { createTally } from './run/tally.ts'

const usage = `usage: node dist/test/run.js [OPTION ...] [FILTER ...]

Prepares what tests need from the system, runs the compiled test files that a filter names (all
without), and then looks for what they left behind. A filter is a folder below test/, such as
proxy, or a part of the names of files.

  --root FOLDER      the project (default: this one)
  --at-once N        how many processes run tests at a time (default: two more than processors)
  --grace SECONDS    how long what is just ending may take until it is left behind (default: 20)
  --silent SECONDS   stop a file in which no test begins or ends for so long (default: 180)
`

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: {
      root: { type: 'string' },
      'at-once': { type: 'string', default: String(Math.min(availableParallelism() + 2, 6)) },
      grace: { type: 'string', default: '20' },
      silent: { type: 'string', default: '180' },
      help: { type: 'boolean' },
    },
    allowPositionals: true,
  })
  if (values.help) {
    process.stdout.write(usage)
    return
  }
  const [concurrency, graceMs, silentMs] = (['at-once', 'grace', 'silent'] as const).map((name) => {
    const value = Number(values[name])
    if (value > 0) return name === 'at-once' ? Math.ceil(value) : value * 1000
    throw new Error(`--${name} takes a number, not ${values[name]}`)
  }) as [number, number, number]
  const startedMs = performance.now()
  const projectDir = values.root ?? join(import.meta.dirname, '..', '..')
  const stop = stopOnSignals()
  const files = selectFiles(projectDir, positionals)
  const outcomes = await prepare(projectDir, stop.signal)
  stop.signal.throwIfAborted()
  const { leaks, tally } = await runTests(files, {
    outcomes,
    stop,
    concurrency,
    graceMs,
    silentMs,
    startedMs,
  })
  stop.signal.throwIfAborted()

  for (const leak of leaks) say(`left behind: ${leak}`)
  const skipFails = process.env['CI'] === 'true' && tally.skipped > 0
  if (skipFails) say('CI=true: a skipped test is a failure')
  if (tally.failed > 0 || leaks.length > 0 || skipFails) process.exitCode = 1
  say(lastLine(tally, outcomes, performance.now() - startedMs))
}

async function prepare(projectDir: string, signal: AbortSignal): Promise<Outcome[]> {
  say('What the tests need from this machine')
  const cacheDir = cacheDirOf(projectDir, process.env)
  const outcomes = await prepareNeeds(needs, {
    projectDir,
    cacheDir,
    env: process.env,
    signal,
    mayFetch: ({ kind }) => kind === 'test',
    onFetch: ({ name }) => say(`  fetching ${name} into ${cacheDir} (only the first time) …`),
  })
  for (const line of describeOutcomes(outcomes, projectDir)) say(line)
  say('')
  await rememberPrepared(cacheDir, outcomes)
  return outcomes
}

interface Stop {
  signal: AbortSignal
  /** What is to be done first when a signal comes. */
  before: () => void
}

function stopOnSignals(): Stop {
  const controller = new AbortController()
  const stop: Stop = { signal: controller.signal, before: () => undefined }
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      stop.before()
      controller.abort(new Error(`stopped by ${name}`))
    })
  }
  return stop
}

interface Run {
  outcomes: Outcome[]
  stop: Stop
  concurrency: number
  graceMs: number
  silentMs: number
  startedMs: number
}

async function runTests(files: TestFile[], run: Run) {
  // Short, because unix sockets are made in it (104 bytes on macOS, whose own folder has 49).
  const base = tmpdir().length > 32 ? '/tmp' : tmpdir()
  const folder = mkdtempSync(join(base, 'bt-'))
  const programs = mkdtempSync(join(base, 'br-'))
  const outer = process.env['BERTH_TEST_RUN']
  const marker = [outer, randomBytes(6).toString('hex')].filter(Boolean).join('.')
  try {
    setEnvironment({ ...environmentOf(run.outcomes, process.env), ...surroundings(folder, marker) })
    const watch = watchLeaks(marker, folder)
    run.stop.before = watch.look
    const results = createTally()
    const events = new PassThrough({ objectMode: true })
    const printed = pipeline(events, new spec(), process.stdout, { end: false })
    const show = (list: TestEvent[]): void => {
      for (const event of list) events.write(event)
    }
    const work = async (): Promise<string[]> => {
      await runFiles(groupsOf(files, run.concurrency), {
        concurrency: run.concurrency,
        folder: programs,
        silentMs: run.silentMs,
        signal: run.stop.signal,
        onTest: watch.look,
        onProcess: (list) => show(results.add(list)),
      })
      const leaks = await watch.settle(run.stop.signal.aborted ? 0 : run.graceMs)
      show(results.summary(performance.now() - run.startedMs))
      events.end()
      return leaks
    }
    const [leaks] = await Promise.all([work(), printed])
    return { leaks, tally: results.tally }
  } finally {
    rmSync(programs, { recursive: true, force: true })
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
  }
}

/** What every process of the tests is started with. */
function surroundings(folder: string, marker: string): NodeJS.ProcessEnv {
  return {
    BERTH_TEST_RUN: marker,
    TMPDIR: folder,
    // So that a test that forgets to name a folder of its own is found out and hurts nobody.
    XDG_STATE_HOME: join(folder, 'state'),
    XDG_RUNTIME_DIR: join(folder, 'runtime'),
    XDG_CONFIG_HOME: join(folder, 'config'),
    // Whatever else would write beside the sources, into TMPDIR, or ask the internet.
    PYTHONDONTWRITEBYTECODE: '1',
    NODE_DISABLE_COMPILE_CACHE: '1',
    FASTMCP_CHECK_FOR_UPDATES: 'off',
    FASTMCP_SHOW_SERVER_BANNER: 'false',
  }
}

function setEnvironment(env: NodeJS.ProcessEnv): void {
  Object.assign(process.env, env)
  // Inside a test of this program node would otherwise refuse to run any file.
  delete process.env['NODE_TEST_CONTEXT']
  // Handed on by node to the processes of the test files, but not to what those start.
  process.execArgv.push('--enable-source-maps')
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

main().catch((error: unknown) => {
  process.stderr.write(`${messageOf(error)}\n`)
  process.exitCode = 1
})
