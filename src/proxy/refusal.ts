import { isFailure } from '../ground/jsonrpc.ts'
import type { Answered } from './judge.ts'

/**
 * The worker's own words to a client whose session it did not open. Under a status that says that
 * all is well they have to be an error and nothing else: a result would be the success of a session
 * that is not there.
 *
 * @returns undefined where only the gateway can say what is wrong
 */
export function wordsOfRefusal({ statusCode, chunks, refusal }: Answered): Buffer | undefined {
  const whole = Buffer.concat(chunks)
  if (statusCode >= 400) return whole
  const text = refusal ?? whole.toString('utf8')
  if (statusCode >= 300 || !isOnlyError(text)) return undefined
  if (refusal === undefined) return whole
  return Buffer.from(`event: message\ndata: ${refusal.replaceAll('\n', '\ndata: ')}\n\n`)
}

function isOnlyError(text: string): boolean {
  try {
    const message: unknown = JSON.parse(text)
    if (typeof message !== 'object' || message === null) return false
    return isFailure(message) && !('result' in message)
  } catch {
    return false
  }
}
