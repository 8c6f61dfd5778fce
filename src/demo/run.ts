import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { isTerminal } from '../ground/terminal.ts'
import { ana, ben, play } from './cast.ts'
import { createAnswering } from '../client/answering.ts'
import type { Handlers } from '../client/connect.ts'
import { Failure, toFailure } from '../client/failures.ts'
import { createGiven } from '../client/given.ts'
import { createStage } from './stage.ts'
import type { Actor, Stage } from './stage.ts'
import { visit } from './visitor.ts'
import type { Visitor } from './visitor.ts'
import type { WorkerProcesses } from './witness.ts'
import { findProcesses, isGoneWithin, knock, processesLeft } from './witness.ts'

/** What the demo wants of the gateway that it starts: one stdio server with short lifetimes. */
export interface DemoConfig {
  servers: Record<
    string,
    {
      command: string
      args: string[]
      /** Seconds, as everywhere in Berth's configuration. */
      lifecycleConfiguration: { idleRuntimeSessionTimeout: number; maxLifetime: number }
    }
  >
}

export interface DemoGateway {
  /** Without a path, for instance `http://127.0.0.1:41234`. */
  url: string
  close(): Promise<void>
}

export interface DemoOptions {
  startGateway: (config: DemoConfig) => Promise<DemoGateway>
  /** A gateway that runs already and has a server `trip-planner`; nothing is started then. */
  baseUrl?: string
  /** Puts into a text how a command of Berth is called here. */
  asCalled: (text: string) => string
  /** After how long a session is ended of which nothing is heard; see `idleSecondsAt`. */
  idleSeconds: number
  /** The questions of one of the two sessions are asked at this terminal. */
  interactive: boolean
  out: Writable
  /** For `interactive`. */
  input?: Readable
  /** How long the scripted answers take. Default 400. */
  paceMs?: number
  signal?: AbortSignal
}

const leastIdleSeconds = 3
const mostIdleSeconds = 15

/**
 * As short as can be waited for, and long enough that on a machine with much else to do no session
 * is idle only because its client has not had its turn.
 *
 * @param load processes that want to run, for each core
 */
export function idleSecondsAt(load: number): number {
  return Math.min(mostIdleSeconds, leastIdleSeconds + Math.floor(load * 2))
}

const serverName = 'trip-planner'
const you: Actor = { name: 'You', color: 'cyan' }
// Nobody waits for it but where something is wrong, or the machine very busy.
const goneLimitMs = 60_000
// Sessions end with a precision of a second, and looking too early tells nothing.
const firstLookAfterMs = 1200

/**
 * Shows in about ten seconds what Berth is for: two conversations at once, each on a worker of
 * its own, and their end. @returns the exit code; a check that failed is 1.
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const { out, signal } = options
  const stage = createStage(out)
  let url = new URL('http://127.0.0.1/')
  let gateway: DemoGateway | undefined
  try {
    if (options.interactive && !(options.input && isTerminal(options.input) && isTerminal(out))) {
      throw new Failure('The questions can only be asked at a terminal.')
    }
    gateway = await openGateway(options, stage)
    url = new URL(`/servers/${serverName}/mcp`, gateway.url)
    await playAll(options, stage, url)
    const own = options.asCalled('mcp-berth serve -- python3 server.py')
    stage.scene(`That is Berth. Your own server: ${own}`)
    return 0
  } catch (error) {
    if (signal?.aborted === true) return 130
    stage.fail(options.asCalled(toFailure(error, url).message))
    return 1
  } finally {
    await gateway?.close()
  }
}

async function openGateway(options: DemoOptions, stage: Stage): Promise<DemoGateway> {
  stage.scene('1. Berth starts, and two people connect to the same trip planner.')
  stage.tell('The planner was written for one person at a time, as most MCP servers are.')
  stage.tell('Berth starts a copy of it, a worker, for every session.')
  if (options.baseUrl !== undefined) {
    return { url: options.baseUrl, close: () => Promise.resolve() }
  }
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const file = fileURLToPath(new URL(`./trip-planner.${extension}`, import.meta.url))
  return options.startGateway({
    servers: {
      [serverName]: {
        command: process.execPath,
        args: [file],
        lifecycleConfiguration: {
          idleRuntimeSessionTimeout: options.idleSeconds,
          maxLifetime: options.interactive ? 3600 : 600,
        },
      },
    },
  })
}

async function playAll(options: DemoOptions, stage: Stage, url: URL): Promise<void> {
  const { paceMs = 400, signal } = options
  const isScripted = !options.interactive
  const first: Actor = isScripted ? ana : you
  const handlers = isScripted ? play(ana, stage, paceMs) : atTheTerminal(options, stage)
  const opened = await Promise.allSettled([
    visit(first, url, handlers, stage, signal),
    visit(ben, url, play(ben, stage, paceMs), stage, signal),
  ])
  const visitors = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  try {
    for (const one of opened) if (one.status === 'rejected') throw one.reason
    const [walksAway, stays] = visitors
    if (!walksAway || !stays) return
    const pair: Pair = [walksAway, stays]
    const workers = await showWorkers(pair, stage, url)
    // Only what was seen while it ran can be said to have ended.
    const isInSight = workers.every(({ all }) => all.length > 0)
    await showConversations(pair, stage, isScripted)
    const isOwnGateway = options.baseUrl === undefined
    const inSight = isOwnGateway && isInSight ? workers : []
    if (isOwnGateway) await showIdleEnd(pair, inSight, stage, url, options)
    else await walksAway.end()
    await showGoodbye(pair, stage, url)
    await showEnded(inSight, 'Workers left: 0', stage)
  } finally {
    await Promise.all(visitors.map((visitor) => visitor.leave()))
  }
}

type Pair = readonly [walksAway: Visitor, stays: Visitor]

async function showWorkers(pair: Pair, stage: Stage, url: URL): Promise<WorkerProcesses[]> {
  const identities = await Promise.all(pair.map((visitor) => visitor.identity()))
  const [one, other] = identities
  if (one?.process === other?.process) {
    throw new Failure('Both sessions run in the same process. They should not.')
  }
  const workers = identities.map(findProcesses)
  stage.tell(`The gateway is at ${url.origin}`)
  for (const [index, visitor] of pair.entries()) {
    const name = workers[index]?.server ?? identities[index]?.process ?? ''
    stage.check(`${ownerOf(visitor)} own worker: process ${name}`)
  }
  return workers
}

function ownerOf({ name }: Actor): string {
  return name === you.name ? 'Your' : `${name}'s`
}

async function showConversations(pair: Pair, stage: Stage, isScripted: boolean): Promise<void> {
  stage.scene('2. Both plan a trip at the same time. The planner asks (?), they answer (>).')
  const booked = await Promise.all(pair.map((visitor) => visitor.planTrip()))
  stage.scene('3. Did they see anything of each other?')
  for (const [index, visitor] of pair.entries()) {
    const own = booked[index]
    if (own === undefined && isScripted) throw new Failure(`${visitor.name}'s trip was not booked.`)
    const seen = await visitor.trips()
    if (seen.join() !== (own ?? '')) {
      const list = seen.length > 0 ? seen.join(', ') : 'none'
      throw new Failure(`${visitor.name} should see ${own ?? 'no trip'}, and sees ${list}.`)
    }
    const knows = own === undefined ? 'no trip' : `${own} and nothing else`
    stage.check(`${ownerOf(visitor)} worker knows ${knows}`)
  }
  stage.tell('Workers share no memory, so what one keeps cannot reach the wrong person.')
}

async function showIdleEnd(
  [walksAway, stays]: Pair,
  [worker]: WorkerProcesses[],
  stage: Stage,
  url: URL,
  { idleSeconds, signal }: DemoOptions,
): Promise<void> {
  const { name, sessionId } = walksAway
  const leaves = name === you.name ? 'You say' : `${name} says`
  stage.scene(`4. ${leaves} nothing more. A session that is idle for ${idleSeconds} seconds ends.`)
  stage.tell('Nobody has to log out for a worker to be freed. Waiting …')
  await walksAway.rest()
  const sinceMs = Date.now()
  await sleep(idleSeconds * 1000 + firstLookAfterMs, undefined, { signal })
  if (!(await isGoneWithin(goneLimitMs, url, sessionId, signal))) {
    throw new Failure(`${ownerOf(walksAway)} idle session did not end.`)
  }
  const seconds = ((Date.now() - sinceMs) / 1000).toFixed(1)
  stage.check(`After ${seconds} s the session is gone: its id answers 404 (not found)`)
  await showEnded(worker ? [worker] : [], 'Its worker has ended too', stage)
  await stays.trips()
  stage.check(`${stays.name}'s session goes on, because it was in use`)
}

async function showGoodbye([, stays]: Pair, stage: Stage, url: URL): Promise<void> {
  stage.scene(`5. ${stays.name} says goodbye, and the session ends at once.`)
  await stays.end()
  const status = await knock(url, stays.sessionId)
  if (status !== 404) throw new Failure(`The ended session answers ${status} instead of 404.`)
  stage.check('Its id answers 404')
}

async function showEnded(workers: WorkerProcesses[], text: string, stage: Stage): Promise<void> {
  if (workers.length === 0) return
  const processes = workers.flatMap(({ all }) => all)
  const left = await processesLeft(processes, goneLimitMs)
  if (left.length > 0) throw new Failure(`A worker is still there: process ${left.join(', ')}.`)
  stage.check(text)
}

function atTheTerminal({ input, out }: DemoOptions, stage: Stage): Handlers {
  const stdin = input ?? process.stdin
  const given = createGiven()
  const { handlers } = createAnswering({
    stdin,
    stderr: out,
    given,
    sampleWith: undefined,
    beforeWriting: () => undefined,
  })
  async function alone<T>(turn: () => Promise<T>): Promise<T> {
    stage.hold(you)
    try {
      return await turn()
    } finally {
      stage.release()
    }
  }
  return {
    elicit: (question, signal) => alone(() => handlers.elicit(question, signal)),
    sample: (request, signal) => alone(() => handlers.sample(request, signal)),
    notified: () => undefined,
  }
}
