import { parseJson } from '../ground/json.ts'
import { isFailure } from '../ground/jsonrpc.ts'
import { eventText } from '../ground/whole-events.ts'
import type { Answered } from './judge.ts'

/**
 * The worker's own words to a client whose session it did not open. Under a status that says that
 * all is well they have to be an error and nothing else: a result would be the success of a session
 * that is not there.
 *
 * @returns undefined where only the gateway can say what is wrong
 */
export function wordsOfRefusal({ statusCode, held, refusal }: Answered): Buffer | undefined {
  const whole = Buffer.concat(held.chunks)
  if (statusCode >= 400) return whole
  const text = refusal ?? whole.toString('utf8')
  if (statusCode >= 300 || !isOnlyError(text)) return undefined
  if (refusal === undefined) return whole
  return Buffer.from(eventText(refusal))
}

function isOnlyError(text: string): boolean {
  const read = parseJson(text)
  if (!read.ok || typeof read.value !== 'object' || read.value === null) return false
  return isFailure(read.value) && !('result' in read.value)
}
