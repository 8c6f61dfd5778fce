import { messageOf } from '../ground/errors.ts'
import type { LoadOptions } from '../load/load.ts'
import { testTarget, writeReports } from '../load/load.ts'
import type { Column } from '../load/break-outs.ts'
import type { Level } from '../load/containment.ts'
import { levelNames } from '../load/containment.ts'
import type { Progress } from '../load/progress.ts'
import { createProgress } from '../load/progress.ts'
import { exitCodes } from '../load/report/report.ts'
import { selfTestLine, textReport } from '../load/report/text.ts'
import { scenarioSkeleton } from '../load/scenario.ts'
import type { SelfTestCase } from '../load/self-test/self-test.ts'
import { runSelfTest } from '../load/self-test/self-test.ts'
import { isLoopback, isProbe, refusalOf, toolsOf } from '../load/target.ts'
import { plainLine, writeJson } from '../ground/terminal.ts'
import { findGateway } from './admin-client.ts'
import type { Context } from './command.ts'
import { UsageError } from './command.ts'
import type { loadOptions } from './load-options.ts'
import { checkWritable } from './load-files.ts'
import { ownUserCount, usersAt } from './load-users.ts'
import { durationValue, profileValue, rateValue, wholeValue } from './load-values.ts'
import { styleFor, writeLines } from './output.ts'
import type { OwnBerth } from './own-berth.ts'
import { bundlePrefixes, startOwnBerth } from './own-berth.ts'
import { headerValues, noMore, secondsValue, urlValue } from './values.ts'

type LoadContext = Context<typeof loadOptions>

const usualSessions = 200
const usualMs = 60_000
const usualRateAtMost = 500
/** Of each gateway that is broken on purpose. */
const selfTestMs = 2500
const selfTestSessions = 40

/** The word for a Berth of its own where one has to be named. */
const own = 'berth'

/** FAIL is what was found in a target, and never that nothing could be looked at. */
export async function runLoadCommand(context: LoadContext): Promise<number> {
  try {
    return await runLoad(context)
  } catch (thrown) {
    if (thrown instanceof UsageError) throw thrown
    writeLines(context.stderr, [context.asCalled(`mcp-berth: ${messageOf(thrown)}`)])
    return exitCodes.INCONCLUSIVE
  }
}

async function runLoad(context: LoadContext): Promise<number> {
  const { positionals, values, stdout, stderr, signal } = context
  noMore(positionals, 1)
  const settings = settingsOf(context)
  const progress = createProgress(stderr)
  const isAlone = positionals.length === 0
  const selfTest = values['self-test']
    ? await testItself(context, settings, progress, isAlone)
    : null
  if (selfTest !== null && isAlone) {
    if (values.json) writeJson(stdout, selfTest)
    else writeLines(stdout, selfTest.map(selfTestLine))
    return selfTest.every(({ isRight }) => isRight) ? 0 : 1
  }

  const target = await targetOf(context, settings, progress)
  if (typeof target === 'number') return target
  try {
    const report = await testTarget({ ...settings, ...target.options, selfTest, progress, signal })
    if (values.json) writeJson(stdout, report)
    else writeLines(stdout, textReport(report, paintFor(stdout)))
    writeReports(report, { html: values.report, junit: values.junit }, stderr)
    return exitCodes[report.verdict]
  } finally {
    progress.end()
    await target.close()
  }
}

type Settings = ReturnType<typeof settingsOf>

function settingsOf({ values, positionals }: LoadContext) {
  const sessions = wholeValue('sessions', values.sessions, [1, 100_000]) ?? usualSessions
  const calls = wholeValue('calls', values.calls, [1, 1_000_000_000]) ?? null
  const isSelfTestAlone = values['self-test'] && positionals.length === 0
  if (isSelfTestAlone && (values.report ?? values.junit) !== undefined) {
    throw new UsageError(`The report is of a target: name its URL, or ${own}, beside --self-test.`)
  }
  checkWritable('report', values.report)
  checkWritable('junit', values.junit)
  return {
    sessions,
    calls,
    durationMs:
      durationValue('duration', values.duration) ?? (calls === null ? usualMs : 3_600_000),
    ratePerSecond: rateValue(values.rate, Math.min(sessions, usualRateAtMost)),
    profile: profileValue(values.profile),
    workers: wholeValue('workers', values.workers, [1, 64]) ?? 1,
    timeoutMs: secondsValue('timeout', values.timeout, 60),
    chaos: values.chaos,
    level: levelValue(values.require),
  }
}

function levelValue(text: string | undefined): Level | undefined {
  const level = levelNames.find((name) => name === text)
  if (text === undefined || level !== undefined) return level
  throw new UsageError(`--require takes ${levelNames.join(' or ')}, not ${text}.`)
}

async function testItself(
  { values, signal }: LoadContext,
  settings: Settings,
  progress: Progress,
  isAlone: boolean,
): Promise<SelfTestCase[]> {
  const { sessions, calls, durationMs } = settings
  const options = isAlone
    ? {
        sessions: values.sessions === undefined ? selfTestSessions : sessions,
        durationMs: values.duration === undefined ? selfTestMs : durationMs,
        calls,
      }
    : { sessions: selfTestSessions, durationMs: selfTestMs, calls: null }
  progress.say('testing the test itself …')
  return runSelfTest({ ...options, signal })
}

interface ReadyTarget {
  options: Pick<
    LoadOptions,
    'url' | 'shown' | 'members' | 'users' | 'admin' | 'columns' | 'required' | 'memoryOf'
  >
  close(): Promise<void>
}

/** What is tested; an exit code where nothing can be. */
async function targetOf(
  context: LoadContext,
  settings: Settings,
  progress: Progress,
): Promise<ReadyTarget | number> {
  const [word] = context.positionals
  return word === undefined || word === own
    ? ownTarget(context, settings, progress)
    : givenTarget(context, settings, urlValue(word), progress)
}

async function ownTarget(
  context: LoadContext,
  { sessions, durationMs, level }: Settings,
  progress: Progress,
): Promise<ReadyTarget> {
  const { values, env } = context
  const users = ownUserCount(context)
  const { isolation } = values
  if (isolation !== undefined && isolation !== 'process' && isolation !== 'sandbox') {
    throw new UsageError(`--isolation takes process or sandbox, not ${isolation}.`)
  }
  const wanted = level === 'private-network' ? 'sandbox, private network' : isolation
  const isCompared = !values['no-break-outs']
  const { bundle: isBundle, chaos } = values
  if (isBundle && chaos) {
    throw new UsageError(
      '--bundle and --chaos: a session of a bundle goes on when one of its workers is killed, and what that had kept is gone. Try one after the other.',
    )
  }
  const counts = { sessions, users, durationMs }
  const berth = await startOwnBerth(env, { wanted, ...counts, isCompared, isBundle })
  if (berth.note !== undefined) {
    progress.say(context.asCalled(`No sandbox here: ${plainLine(berth.note, 300)}`))
  }
  progress.say(`started Berth with its probe, isolation ${berth.isolation}: ${berth.url.href}`)
  return {
    options: {
      url: berth.url,
      ...(isBundle ? { members: bundlePrefixes } : {}),
      shown: `${isBundle ? 'a bundle of three probes in ' : ''}a Berth of its own, isolation ${berth.isolation}`,
      users: berth.users.map(({ name, headers }) => ({
        name,
        headers: { ...headerValues(values.header), ...headers },
      })),
      admin: berth.admin,
      columns: isCompared ? berth.columns : [],
      required: level && { level, column: berth.isolation },
      memoryOf: berth.memoryPerSession,
    },
    close: () => closed(berth),
  }
}

const closed = (berth: OwnBerth): Promise<void> => berth.close()

async function givenTarget(
  context: LoadContext,
  { profile, durationMs, calls, level }: Settings,
  url: URL,
  { say }: Progress,
): Promise<ReadyTarget | number> {
  const { values, stdout, stderr } = context
  if (!isLoopback(url) && !values['i-own-this-target']) throw new UsageError(refusalOf(url))
  const users = await usersAt(url, context, { durationMs, isByCalls: calls !== null, say })
  const [first = { name: 'anybody', headers: {} }] = users
  const tools = await toolsOf(url, first.headers)
  const hasProbe = isProbe(tools)
  if (!hasProbe && typeof profile === 'string') {
    stdout.write(scenarioSkeleton(tools))
    writeLines(stderr, [
      `${url.href} is not the isolation probe, so that a scenario has to say what may be called.`,
      'One to begin with is on stdout: save it, change it, and give it with --profile FILE.yaml.',
    ])
    return exitCodes.INCONCLUSIVE
  }
  const column: Column = { name: 'target', url, isLimited: false }
  const mayTry = hasProbe && !values['no-break-outs']
  return {
    options: {
      url,
      shown: url.href,
      users,
      admin: values.chaos ? await adminOf(context, url) : undefined,
      columns: mayTry ? [column] : [],
      required: level && { level, column: column.name },
      memoryOf: undefined,
    },
    close: () => Promise.resolve(),
  }
}

/** A Berth on this machine, if the target is one. */
async function adminOf(
  { values, env }: LoadContext,
  url: URL,
): Promise<LoadOptions['admin'] | undefined> {
  const options = { config: undefined, 'state-dir': values['state-dir'], json: false }
  try {
    const { adminUrl, token } = await findGateway(env, { ...options, gateway: url.origin })
    return { url: adminUrl, token }
  } catch {
    // Another gateway: what needs no admin API is done all the same.
    return undefined
  }
}

function paintFor(out: LoadContext['stdout']): (verdict: string) => string {
  const { green, red, yellow, bold } = styleFor(out)
  return (verdict) => {
    const paint = verdict === 'PASS' ? green : verdict === 'FAIL' ? red : yellow
    return bold(paint(verdict))
  }
}
