import type { Clock, Timer } from '../../../ground/clock.ts'
import { guarded, inBackground, tellFault } from '../../../ground/guarded.ts'
import type { RedisStoreConfig } from '../../options.ts'
import type { Commands } from './client.ts'
import { createClient, soughtOf } from './client.ts'
import {
  isAboutCommand,
  isUnknownScript,
  startError,
  storeError,
  tooOld,
  whyAway,
} from './failures.ts'
import type { Keys } from './keys.ts'
import type { Listening } from './listen.ts'
import { hangUp, listen } from './listen.ts'
import type { Script, Scripts } from './scripts.ts'

export interface LinkOptions {
  clock: Clock
  keys: Keys
  scripts: Scripts
  onMessage(text: string): void
  /** Both connections are there again after one was not. */
  onBack(): void
}

/** Two connections to Redis, one for commands and one for news, and what is known of its clock. */
export interface Link {
  /** The clock of Redis, as far as it is known here. */
  now(): number
  isAvailable(): boolean
  /** `SessionStore.problem` */
  problem(): Promise<string | undefined>
  /**
   * Runs a script; the beginning of all keys goes before its other arguments.
   *
   * @throws ERR_SESSIONS_STORE
   */
  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>
  /**
   * The same for a script that gives the time, which sets the clock.
   *
   * @param timeIn finds the time in the answer
   */
  runTimed(
    script: Script,
    keys: readonly string[],
    args: readonly (string | number)[],
    timeIn: (answer: unknown) => number,
  ): Promise<unknown>
  /** Asks with plain commands. @throws ERR_SESSIONS_STORE */
  ask<T>(question: (commands: Commands) => Promise<T>): Promise<T>
  /** Sees to it that it is noticed soon when news come in no more. */
  ping(): void
  close(): Promise<void>
}

/** How long the first connection may take. */
const startWithinMs = 5000
/** Between two looks whether a Redis that is connected works. */
const lookEveryMs = 500
/** Who asks whether it can be written to is told what was found out so long ago. */
const provedForMs = 1000
/** 7.0.0, as Redis puts its version into a number. */
const oldestVersion = 0x00070000

/**
 * Settles when both connections are there and Redis has shown that it takes writes.
 *
 * @throws ERR_CONFIG_INVALID with the reason and what to do, when that fails
 */
export async function createLink(config: RedisStoreConfig, options: LinkOptions): Promise<Link> {
  const { clock, keys, scripts } = options
  const sought = soughtOf(config)
  const client = await createClient(config)
  const commands = client.commands()
  const onFault = tellFault('the connection to Redis')
  let listening: Listening | undefined
  let offsetMs = 0
  let state: 'starting' | 'up' | 'down' | 'closed' = 'starting'
  /** Counts what went wrong, so that a look that began before it proves nothing. */
  let troubles = 0
  let isLooking = false
  /** What was wrong last, in words. */
  let problem = whyAway(undefined)
  let notedAtMs = -Infinity
  let provedAtMs = -Infinity
  let proving: Promise<void> | undefined
  let timer: Timer | undefined
  let settleStart: (problem?: unknown) => void = () => undefined

  /** That a connection was closed says less than what was answered just before. */
  const note = (thrown: unknown): void => {
    if (thrown === undefined && clock.now() - notedAtMs < provedForMs) return
    problem = whyAway(thrown)
    notedAtMs = clock.now()
  }
  const isConnected = (): boolean =>
    commands.status === 'ready' && listening !== undefined && listening.isReady()
  const trouble = (thrown?: unknown): void => {
    troubles += 1
    note(thrown)
    if (state === 'up') state = 'down'
  }
  const run: Link['run'] = async (script, ownKeys, args) => {
    const rest = [ownKeys.length, ...ownKeys, keys.base, ...args] as const
    try {
      return await commands.evalsha(script.sha, ...rest)
    } catch (error) {
      if (!isUnknownScript(error)) throw error
      return await commands.eval(script.lua, ...rest)
    }
  }
  const runTimed: Link['runTimed'] = async (script, ownKeys, args, timeIn) => {
    const beforeMs = clock.now()
    const answer = await run(script, ownKeys, args)
    offsetMs = Math.round(timeIn(answer) - (beforeMs + clock.now()) / 2)
    return answer
  }
  const probe = async (): Promise<void> => {
    const timeIn = (answer: unknown): number => (answer as [number, number])[0]
    const answer = await runTimed(scripts.probe, [keys.probe], [], timeIn)
    const [, version] = answer as [number, number]
    if (version < oldestVersion) throw tooOld(sought)
  }
  const look = (): void => {
    if (isLooking || state === 'up' || state === 'closed' || !isConnected()) return
    isLooking = true
    const seen = troubles
    const looked = probe()
      .then(
        () => (seen === troubles && isConnected() ? up() : undefined),
        (error: unknown) => {
          note(error)
          settleStart(error)
        },
      )
      .finally(() => {
        isLooking = false
        timer = clock.after(lookEveryMs, look)
      })
    inBackground(looked, onFault)
  }
  const up = (): void => {
    if (state === 'closed') return
    provedAtMs = clock.now()
    const wasDown = state === 'down'
    state = 'up'
    if (wasDown) options.onBack()
    else settleStart()
  }
  /** Every failure of a verb comes through here. */
  const careful = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      if (!isAboutCommand(error)) {
        trouble(error)
        look()
      }
      throw storeError(error)
    }
  }
  /** While it is away, `look` finds out when it is back. */
  const prove = async (): Promise<void> => {
    if (state !== 'up' || clock.now() - provedAtMs < provedForMs) return
    proving ??= probe()
      .then(
        () => void (provedAtMs = clock.now()),
        (error: unknown) => {
          trouble(error)
          look()
        },
      )
      .finally(() => (proving = undefined))
    await proving
  }
  const isAvailable = (): boolean => state === 'up' && isConnected()
  const close = async (): Promise<void> => {
    state = 'closed'
    timer?.cancel()
    await Promise.all([hangUp(commands), listening?.close()])
  }

  const failed = (error: unknown): void => settleStart(error)
  commands.on('error', guarded(failed, onFault))
  const closed = (): void => {
    trouble()
    settleStart(new Error('the connection was closed'))
  }
  commands.on('close', guarded(closed, onFault))
  const ready = (): void => {
    listening ??= listen({
      connect: () => client.once(commands),
      channel: keys.ended,
      clock,
      onMessage: options.onMessage,
      onReady: look,
      onLost: () => trouble(),
      onError: (error) => settleStart(error),
    })
    look()
  }
  commands.on('ready', guarded(ready, onFault))
  try {
    await new Promise<void>((resolve, reject) => {
      const late = clock.after(startWithinMs, () => settleStart(new Error('it does not answer')))
      settleStart = (problem) => {
        late.cancel()
        settleStart = () => undefined
        if (problem === undefined) resolve()
        else reject(startError(problem, sought))
      }
      inBackground(commands.connect(), (error) => settleStart(error))
    })
  } catch (error) {
    await close()
    throw error
  }

  return {
    now: () => clock.now() + offsetMs,
    isAvailable,
    async problem() {
      await prove()
      return isAvailable() ? undefined : problem
    },
    run: (script, ownKeys, args) => careful(() => run(script, ownKeys, args)),
    runTimed: (script, ownKeys, args, timeIn) =>
      careful(() => runTimed(script, ownKeys, args, timeIn)),
    ask: (question) => careful(() => question(commands)),
    ping: () => listening?.ping(),
    close,
  }
}
