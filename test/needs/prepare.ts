import { relative } from 'node:path'
import { join } from 'node:path'
import { messageOf } from '../../src/ground/errors.ts'
import { writeStamp } from './cache.ts'
import { isExecutable } from './command.ts'
import { NeedError } from './need.ts'
import type { Need, Place, Site } from './need.ts'

export interface Found {
  need: Need
  state: 'found' | 'fetched'
  place: Place
  tookMs: number
}

export interface Missing {
  need: Need
  state: 'missing'
  reason: string
  /** The command that a person runs. */
  command: string
}

export type Outcome = Found | Missing

/** What the tests of a run that started this one have found missing already: name → why. */
export const missingVariable = 'BERTH_TEST_MISSING'

export interface PrepareOptions extends Omit<Site, 'place'> {
  /** Whether a need that was not found is to be fetched. Default: all. */
  mayFetch?: (need: Need) => boolean
  /** Told before something is fetched, which may take half a minute. */
  onFetch?: (need: Need) => void
}

/** Looks for everything at once and fetches what is not there. Never throws for a missing need. */
export async function prepareNeeds(
  needs: readonly Need[],
  options: PrepareOptions,
): Promise<Outcome[]> {
  const outcomes = new Map<string, Promise<Outcome>>()
  const site: Site = {
    ...options,
    async place(name) {
      const outcome = await outcomes.get(name)
      if (outcome === undefined) throw new NeedError(`there is no need ${name}`)
      if (outcome.state !== 'missing') return outcome.place
      throw new NeedError(`${name} is missing: ${outcome.reason}`, outcome.command)
    },
  }
  for (const need of needs) {
    // One turn later, when every need is in the map.
    outcomes.set(
      need.name,
      Promise.resolve().then(() => prepare(need, site, options)),
    )
  }
  return Promise.all(outcomes.values())
}

async function prepare(need: Need, site: Site, options: PrepareOptions): Promise<Outcome> {
  const startedMs = performance.now()
  const found = (state: Found['state'], place: Place): Found => ({
    need,
    state,
    place,
    tookMs: performance.now() - startedMs,
  })
  const missing = (reason: string, command = need.byHand): Missing => ({
    need,
    state: 'missing',
    reason,
    command,
  })
  const given = site.env[need.variable]
  if (given) {
    return isExecutable(given)
      ? found('found', { path: given, detail: `$${need.variable}` })
      : missing(`$${need.variable} names ${given}, which cannot be run`)
  }
  const known = knownMissing(site.env)[need.name]
  if (known !== undefined) return missing(known.reason, known.command)
  try {
    const place = await need.find(site)
    if (place !== undefined) return found('found', place)
    if (options.mayFetch?.(need) === false) return missing('not on this machine')
    options.onFetch?.(need)
    return found('fetched', await need.fetch(site))
  } catch (error) {
    if (error instanceof NeedError) return missing(error.message, error.byHand)
    return missing(messageOf(error))
  }
}

type Known = Record<string, Pick<Missing, 'reason' | 'command'> | undefined>

export function knownMissing(env: NodeJS.ProcessEnv): Known {
  return JSON.parse(env[missingVariable] ?? '{}') as Known
}

/** What the tests are given: a variable for each path, and PATH with what was fetched at its end. */
export function environmentOf(outcomes: Outcome[], env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const result: NodeJS.ProcessEnv = {}
  const known: Known = {}
  const path = [env['PATH'] ?? '']
  for (const outcome of outcomes) {
    if (outcome.state === 'missing') {
      known[outcome.need.name] = { reason: outcome.reason, command: outcome.command }
      continue
    }
    result[outcome.need.variable] = outcome.place.path
    if (outcome.place.binDir !== undefined) path.push(outcome.place.binDir)
  }
  return { ...result, PATH: path.join(':'), [missingVariable]: JSON.stringify(known) }
}

/** Where test files that are run on their own, by `node --test`, look for what was prepared. */
export function preparedFile(cacheDir: string): string {
  return join(cacheDir, 'prepared.json')
}

export async function rememberPrepared(cacheDir: string, outcomes: Outcome[]): Promise<void> {
  const paths = outcomes.flatMap((outcome) =>
    outcome.state === 'missing' ? [] : [[outcome.need.name, outcome.place.path]],
  )
  await writeStamp(preparedFile(cacheDir), Object.fromEntries(paths))
}

/** The table that a test run prints first. */
export function describeOutcomes(outcomes: Outcome[], projectDir: string): string[] {
  const width = Math.max(...outcomes.map(({ need }) => need.name.length))
  return outcomes.flatMap((outcome) => {
    const { need } = outcome
    const head = `  ${outcome.state.padEnd(8)} ${need.name.padEnd(width)}  `
    if (outcome.state === 'missing') {
      if (need.kind === 'bench') return [`${head}(${need.why}; only for npm run bench)`]
      return [`${head}${outcome.reason}`, `${' '.repeat(head.length)}run: ${outcome.command}`]
    }
    const { path, detail } = outcome.place
    const near = relative(projectDir, path)
    const shown = near.startsWith('..') ? path : near
    const time = outcome.state === 'fetched' ? `  (${(outcome.tookMs / 1000).toFixed(1)} s)` : ''
    return [`${head}${[detail, shown].filter(Boolean).join('  ')}${time}`]
  })
}
