import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'

import { messageOf } from './errors.ts'

/**
 * What a callback throws that nobody has called from here (a timer, a tick, a stream, a promise that
 * nobody waits for) ends the process. So nothing throws: the fault is told to whom it concerns, who
 * ends the session or the request that it belongs to, and nothing else.
 */
export type OnFault = (thrown: unknown) => void

/** Whose fault it is, as far as that is known. */
export interface FaultOwner {
  session?: string
  server?: string
}

export interface Fault extends FaultOwner {
  /** What was being done: `reading an answer`. */
  where: string
  thrown: unknown
}

const channelName = 'berth:fault'
const faults = channel(channelName)

/**
 * The same handler, which never throws. What it throws, or its promise rejects with, goes to
 * `onFault`.
 */
export function guarded<A extends unknown[]>(
  handler: (...given: A) => unknown,
  onFault: OnFault,
): (...given: A) => void {
  // Emitters say by `this` who they are.
  return function (this: unknown, ...given) {
    try {
      const made = handler.apply(this, given)
      if (isThenable(made)) inBackground(made, onFault)
    } catch (thrown) {
      told(onFault, thrown)
    }
  }
}

/** In place of `void work`: what it rejects with goes to `onFault`. */
export function inBackground(work: PromiseLike<unknown>, onFault: OnFault): void {
  work.then(undefined, (thrown: unknown) => told(onFault, thrown))
}

/** For faults that concern nothing more than a line in the log: they are told, and that is all. */
export function tellFault(where: string, owner: FaultOwner = {}): OnFault {
  return (thrown) => faults.publish({ ...owner, where, thrown } satisfies Fault)
}

/** Listens to what `tellFault` tells, of the whole process. @returns a function that ends it */
export function onFaults(listener: (fault: Fault) => void): () => void {
  const hear = (fault: unknown): void => told(() => listener(fault as Fault), undefined)
  subscribe(channelName, hear)
  return () => {
    unsubscribe(channelName, hear)
  }
}

/** A fault while a fault is dealt with is told by the plainest means there is. */
function told(onFault: OnFault, thrown: unknown): void {
  try {
    onFault(thrown)
  } catch (another) {
    process.emitWarning(`A fault could not be dealt with: ${faultText(another)}`)
  }
}

/** Errors quote what they were given, and that may be a secret: quotes and long words are left out. */
export function faultText(thrown: unknown): string {
  const name = thrown instanceof Error ? thrown.name : typeof thrown
  return `${name}: ${plain(wordsOf(thrown))}`
}

/** Where it was thrown, without what was said. */
export function faultFrames(thrown: unknown): string[] {
  const stack: unknown = thrown instanceof Error ? thrown.stack : undefined
  if (typeof stack !== 'string') return []
  const lines = stack.split('\n').filter((line) => /^\s+at /.test(line))
  return lines.slice(0, framesAtMost).map((line) => line.trim().slice(0, 200))
}

const framesAtMost = 12
const wordsAtMost = 300

/** Whatever was thrown, this does not throw. */
function wordsOf(thrown: unknown): string {
  try {
    return messageOf(thrown).slice(0, 10 * wordsAtMost)
  } catch {
    return 'something without words'
  }
}

const plain = (text: string): string =>
  text
    .replace(/"[^"]*("|$)|'[^']{25,}('|$)|`[^`]*(`|$)/g, '…')
    .replace(/[^\s/]{40,}/g, '…')
    .replace(/[\p{Cc}\p{Cf}]+/gu, ' ')
    .slice(0, wordsAtMost)

function isThenable(made: unknown): made is PromiseLike<unknown> {
  return (
    typeof made === 'object' && made !== null && 'then' in made && typeof made.then === 'function'
  )
}
