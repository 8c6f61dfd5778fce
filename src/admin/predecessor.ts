import type { IncomingMessage } from 'node:http'
import { request } from 'node:http'

import { GatewayError, messageOf } from '../ground/errors.ts'
import { guarded } from '../ground/guarded.ts'
import type { GatewayIdentity } from '../ground/identity-files.ts'
import { readIdentities } from '../ground/identity-files.ts'
import { parseJson } from '../ground/json.ts'
import type { HandoverNews } from './handover.ts'

const answerWithinMs = 5000
/** It tells a time and a process. */
const answerLength = 64 * 1024

export interface PredecessorOptions {
  /** Where the identity files of gateways with this state directory are. */
  folder: string
  /** Of the public listener, which is the one to take over. */
  port: number
  isAlive(identity: GatewayIdentity): boolean
}

/** The gateway that listens where this one is to listen; undefined when there is none. */
export function findPredecessor(options: PredecessorOptions): GatewayIdentity | undefined {
  return readIdentities(options.folder).find(
    (identity) =>
      identity.pid !== process.pid &&
      Number(new URL(identity.url).port || 80) === options.port &&
      options.isAlive(identity),
  )
}

/**
 * Asks a gateway to close its listening sockets, to finish what it has begun, and to end.
 *
 * @returns undefined when it has gone meanwhile
 * @throws ERR_CONFIG_INVALID when it runs and does not do that
 */
export async function askToHandOver(old: GatewayIdentity): Promise<HandoverNews | undefined> {
  let why: string
  try {
    const response = await post(new URL('/api/handover', old.adminUrl), old.token)
    if (response.statusCode === 202) return (await jsonOf(response)) as HandoverNews
    response.resume()
    why = `it answered ${response.statusCode ?? 0}`
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ECONNREFUSED') {
      return undefined
    }
    why = messageOf(thrown)
  }
  throw new GatewayError('ERR_CONFIG_INVALID', {
    params: {
      problems: `--takeover: the gateway of process ${old.pid} (${old.url}) does not hand over: ${why}. Stop it with kill ${old.pid}, and start this one without --takeover.`,
    },
  })
}

function post(url: URL, token: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(answerWithinMs)
    const headers = { authorization: `Bearer ${token}` }
    const sent = request(url, { method: 'POST', headers, agent: false, signal }, resolve)
    const failed = (cause: Error): void => {
      const isLate = signal.aborted
      reject(isLate ? new Error(`it did not answer within ${answerWithinMs / 1000} s`) : cause)
    }
    sent.once('error', guarded(failed, reject))
    sent.end()
  })
}

async function jsonOf(response: IncomingMessage): Promise<unknown> {
  let text = ''
  response.setEncoding('utf8')
  for await (const chunk of response) {
    text += String(chunk)
    if (text.length > answerLength) break
  }
  const read = parseJson(text, answerLength)
  if (read.ok) return read.value
  throw new Error('it answered with what is no JSON')
}
