import { setTimeout as sleep } from 'node:timers/promises'

import { createMarkers } from '../../src/workers/markers.ts'
import { commandOf, descendants } from '../support/processes.ts'
import type { TestRedis } from '../support/redis.ts'
import type { Chances } from './random.ts'
import type { News, Replica } from './replicas.ts'

/** What happened, as far as it explains what came of it. */
export interface Disasters {
  readonly counts: Record<string, number>
  /** Sessions of whose worker a process was killed. */
  readonly attacked: ReadonlySet<string>
  /** When Redis came back without some of what it had known. */
  readonly forgotAtMs: readonly number[]
  /** Settles when the time is over and everything runs again. */
  readonly over: Promise<void>
}

export interface DisasterOptions {
  chances: Chances
  replicas: readonly Replica[]
  redis: TestRedis
  news: News
  /** Where the markers of workers are. */
  workersDir: string
  forMs: number
  /** Between two of them, at most. */
  pauseMs: number
}

const kinds = [
  'replica killed',
  'replica killed',
  'replica terminated',
  'replica terminated',
  'redis restarted',
  'server killed',
  'keeper killed',
  'some process killed',
] as const
type Kind = (typeof kinds)[number]

const isServer = (command: string): boolean => /node \S*remembers\.js$/.test(command)
const isKeeper = (command: string): boolean => /^\S*node .*keeper\/main\.js$/.test(command)

export function startDisasters(options: DisasterOptions): Disasters {
  const { chances, replicas, redis, news, forMs, pauseMs } = options
  const counts: Record<string, number> = {}
  const attacked = new Set<string>()
  const forgotAtMs: number[] = []
  const underway = new Set<Promise<void>>()
  const markers = createMarkers(options.workersDir)
  let isRedisDown = false

  const count = (what: string, handle?: string): void => {
    counts[what] = (counts[what] ?? 0) + 1
    const words = `${what} ${handle ?? ''}`
    news.trace.push({ atMs: Date.now(), words, ...(handle === undefined ? {} : { handle }) })
  }

  const restart = async (kind: Kind): Promise<void> => {
    const [first, ...rest] = replicas.filter((replica) => replica.isUp())
    // Now and then the last one, too.
    if (first === undefined || (rest.length === 0 && chances.upTo(4) > 0)) return
    const replica = chances.pick([first, ...rest])
    const downMs = chances.upTo(600)
    count(kind)
    await replica.end(kind === 'replica killed' ? 'SIGKILL' : 'SIGTERM')
    await sleep(downMs)
    await replica.start()
  }

  const restartRedis = async (): Promise<void> => {
    if (isRedisDown) return
    isRedisDown = true
    const data = chances.pick<'kept' | 'empty' | 'earlier'>(['kept', 'kept', 'empty', 'earlier'])
    const signal = chances.pick<NodeJS.Signals>(['SIGTERM', 'SIGKILL'])
    const downMs = 200 + chances.upTo(2000)
    count(`redis restarted, data ${data}`)
    await redis.stop(signal)
    await sleep(downMs)
    await redis.start(data)
    news.trace.push({ atMs: Date.now(), words: `redis is back, data ${data}` })
    if (data !== 'kept') forgotAtMs.push(Date.now())
    isRedisDown = false
  }

  const attack = (kind: Kind): void => {
    const [first, ...rest] = markers.all()
    if (first === undefined) return
    const { handle, session } = chances.pick([first, ...rest])
    // The keeper, where several share one: then what is below it is of all of them.
    const outermost = Number(handle['pid'])
    const inside = typeof handle['initPid'] === 'number' ? handle['initPid'] : outermost
    const tree = [outermost, inside, ...descendants(inside).map(({ pid }) => pid)]
    const beside = markers.all().filter(({ handle: other }) => Number(other['pid']) === outermost)
    const victims = tree.filter((pid) => {
      if (kind === 'server killed') return isServer(commandOf(pid))
      return kind !== 'keeper killed' || isKeeper(commandOf(pid))
    })
    const victim = victims[chances.upTo(victims.length)]
    if (victim === undefined) return
    attacked.add(session)
    if (victim === outermost) for (const other of beside) attacked.add(other.session)
    count(kind, session)
    try {
      process.kill(victim, 'SIGKILL')
    } catch {
      // It has just ended.
    }
  }

  const begin = async (kind: Kind): Promise<void> => {
    if (kind.startsWith('replica')) await restart(kind)
    else if (kind === 'redis restarted') await restartRedis()
    else attack(kind)
  }

  const play = async (): Promise<void> => {
    for (const untilMs = Date.now() + forMs; Date.now() < untilMs;) {
      await sleep(pauseMs / 3 + chances.upTo(pauseMs))
      const disaster = begin(chances.pick(kinds))
      underway.add(disaster)
      void disaster.finally(() => underway.delete(disaster))
    }
    await Promise.all(underway)
  }

  return { counts, attacked, forgotAtMs, over: play() }
}
