import { createContext, Script } from 'node:vm'

import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv'
import type {
  JsonSchemaType,
  JsonSchemaValidator,
  jsonSchemaValidator,
} from '@modelcontextprotocol/sdk/validation'

/** What takes longer would be felt at the keyboard; a sane pattern takes microseconds. */
const limitMs = 500
/** What all of them together may take, so that a form of a thousand such patterns hangs nothing. */
const sharedMs = 2000
const sharedWithinMs = 10_000

const room = createContext({ work: undefined as (() => void) | undefined })
const script = new Script('work()')
const spent = { ms: 0, sinceMs: -Infinity }

/** It was given up, because it would have taken too long. */
export const tooLong = Symbol('too long')

/**
 * Runs what a server has a say in, such as a pattern of its own: `^(a+)+$` would run for years and
 * keep Ctrl-C from being heard. V8 is made to give it up.
 *
 * @param work synchronous; it may be begun again, and nothing may need that it comes to its end
 * @returns `tooLong` when it was given up, or not tried because too much was before
 */
export function bounded<T>(work: () => T): T | typeof tooLong {
  const nowMs = performance.now()
  if (nowMs - spent.sinceMs > sharedWithinMs) {
    spent.ms = 0
    spent.sinceMs = nowMs
  }
  const mostMs = Math.min(limitMs, sharedMs - spent.ms)
  // A machine that is busy, or stands still, is not the server's fault: processor time counts.
  for (let timeout = limitMs, usedMs = 0; usedMs < mostMs; timeout *= 2) {
    const before = process.cpuUsage()
    const outcome = runOnce(work, timeout)
    const { user, system } = process.cpuUsage(before)
    usedMs += (user + system) / 1000
    spent.ms += (user + system) / 1000
    if (outcome === tooLong) continue
    if ('thrown' in outcome) throw outcome.thrown
    return outcome.value
  }
  return tooLong
}

function runOnce<T>(
  work: () => T,
  timeout: number,
): { value: T } | { thrown: unknown } | typeof tooLong {
  let outcome: { value: T } | { thrown: unknown } | undefined
  room['work'] = () => {
    try {
      outcome = { value: work() }
    } catch (thrown) {
      outcome = { thrown }
    }
  }
  try {
    script.runInContext(room, { timeout })
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException
    if (code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw thrown
    return tooLong
  } finally {
    room['work'] = undefined
  }
  return outcome ?? tooLong
}

/**
 * Checks by a schema of the server's. What takes too long, or is beyond the validator, is taken for
 * valid: the server will judge.
 */
export const boundedValidator: jsonSchemaValidator = {
  getValidator<T>(schema: JsonSchemaType): JsonSchemaValidator<T> {
    return (input: unknown) => {
      const unchecked = { valid: true, data: input as T, errorMessage: undefined } as const
      try {
        const checked = bounded(() => validatorOf(schema)(input))
        return checked === tooLong || checked.valid ? unchecked : checked
      } catch {
        return unchecked
      }
    }
  },
}

/** One of its own for each: what was given up in the middle may be in no good state. */
export const validatorOf = (schema: object) => new AjvJsonSchemaValidator().getValidator(schema)
