import { GatewayError } from '../ground/errors.ts'
import { spoken } from '../ground/spoken.ts'
import type { Session } from '../sessions/session.ts'
import { firstAnswerBytes } from './first-answer.ts'
import type { Answered } from './judge.ts'
import { whyUnfit } from './unfit-answer.ts'

/** Why a worker has not taken the first request of its session. */
export interface FirstAnswerErrors {
  refusal(answered: Answered): GatewayError
  flooded(): GatewayError
  late(): GatewayError
}

const mebibyte = 1024 * 1024

/** @param what the request that waits, as people know it: `initialize` */
export function firstAnswerErrors(session: Session, what: string): FirstAnswerErrors {
  const { launch, startTimeoutMs } = session.server
  const command = launch.shown
  return {
    refusal: (answered) =>
      new GatewayError('ERR_WORKERS_REFUSED', {
        params: { command, what, how: whyUnfit(answered, session) },
        details: { answered: answered.statusCode },
      }),
    flooded() {
      const how = `it sent more than ${firstAnswerBytes / mebibyte} MiB before it did`
      return new GatewayError('ERR_WORKERS_REFUSED', { params: { command, what, how } })
    },
    late() {
      const params = { command, what: `answer ${what}`, time: spoken(startTimeoutMs) }
      return new GatewayError('ERR_WORKERS_START_TIMEOUT', { params })
    },
  }
}
