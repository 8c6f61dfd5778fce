import type { Leak } from '../drive/evidence.ts'
import type { LoadPlan, ProfileName } from '../drive/plan.ts'
import { runLoad } from '../drive/run.ts'
import { leakWords } from '../report/words.ts'
import { drawSeed } from '../search/canaries.ts'
import { judgeSeparation } from '../verdict.ts'
import type { Flaw } from './flaws.ts'
import { flaws } from './flaws.ts'
import { startToyGateway } from './gateway.ts'

/** How the detector did with one gateway. */
export interface SelfTestCase {
  flaw: Flaw
  about: string
  /** Found out, or for the sound one let pass. */
  isRight: boolean
  leaks: number
  /** The first leak, or what was found instead of one. */
  how: string
  tookMs: number
}

export interface SelfTestOptions {
  /** How long each gateway is looked at. */
  durationMs: number
  /** Ends it sooner, and has it make them as fast as it can; null: it does not. */
  calls: number | null
  sessions: number
  signal: AbortSignal
}

/** In which profile each of them shows itself. */
const profiles: Record<Flaw, ProfileName> = {
  none: 'mixed',
  'shared-worker': 'calls',
  'crossed-streams': 'streams',
  'stale-session': 'churn',
  'leaked-environment': 'churn',
  'unguarded-id': 'calls',
  'telltale-id': 'calls',
}
/** What has to be found of each: to fail for another reason would prove nothing. */
const traces: Partial<Record<Flaw, Leak['what']>> = {
  'shared-worker': 'canary',
  'crossed-streams': 'canary',
  'stale-session': 'canary',
  'leaked-environment': 'canary',
  'unguarded-id': 'ownership',
  'telltale-id': 'ownership',
}
const ratePerSession = 40
/** A message that went astray is not worth waiting for. */
const astrayMs = 250
const answerMs = 10_000

/** Turns the load test against gateways that are broken on purpose, one after the other. */
export async function runSelfTest(options: SelfTestOptions): Promise<SelfTestCase[]> {
  const cases: SelfTestCase[] = []
  for (const flaw of Object.keys(flaws) as Flaw[]) {
    options.signal.throwIfAborted()
    cases.push(await tryOne(flaw, options))
  }
  return cases
}

async function tryOne(flaw: Flaw, options: SelfTestOptions): Promise<SelfTestCase> {
  const { durationMs, calls, sessions, signal } = options
  const startedMs = performance.now()
  const gateway = await startToyGateway(flaw)
  try {
    const plan: LoadPlan = {
      url: gateway.url,
      seed: drawSeed(),
      firstNumber: 0,
      stride: 1,
      sessions,
      profile: profiles[flaw],
      ratePerSecond: calls === null ? sessions * ratePerSession : null,
      durationMs,
      calls,
      users: ['ann', 'ben'].map((name) => ({
        name,
        headers: { authorization: `Bearer ${name}` },
      })),
      timeoutMs: flaw === 'crossed-streams' ? astrayMs : answerMs,
      openAtOnce: 10,
      chaos: null,
    }
    const result = await runLoad(plan, { signal, onSnapshot: () => undefined })
    const { verdict, reasons } = judgeSeparation(result, { toleratesFailures: true })
    const { leaks, leakCount } = result.evidence
    const first = leaks.find(({ what }) => what === traces[flaw])
    return {
      flaw,
      about: flaws[flaw],
      isRight: flaw === 'none' ? verdict === 'PASS' : verdict === 'FAIL' && first !== undefined,
      leaks: leakCount,
      how:
        first === undefined
          ? `${verdict}: ${reasons.join(' ') || 'nothing was found'}`
          : `${leakWords(first)}${first.what === 'ownership' ? `: ${first.around}` : ''}`,
      tookMs: performance.now() - startedMs,
    }
  } finally {
    await gateway.close()
  }
}
