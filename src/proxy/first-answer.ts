import type { IncomingHttpHeaders } from 'node:http'

import { GatewayError } from '../ground/errors.ts'
import { inBackground } from '../ground/guarded.ts'
import type { RpcId } from '../ground/jsonrpc.ts'
import { asGatewayError } from '../ground/replies.ts'
import { createPile } from '../ground/pile.ts'
import type { Peek, Protocol } from '../protocols/protocol.ts'
import type { Upstream } from './client-end.ts'
import type { Downstream } from './downstream.ts'
import type { Answered, Judge, Verdict } from './judge.ts'
import { createJudge } from './judge.ts'
import type { Transitions } from './machine.ts'
import { createMachine } from './machine.ts'
import type { Remaining } from './times.ts'

export type FirstAnswerState =
  /** Whether the worker takes the session is not known yet; what it says is held back. */
  | 'waiting'
  /** It does, and the session becomes live. The client hears of it only then. */
  | 'binding'
  /** It does not. A keeper may say so for a server that has died: its death is the better reason. */
  | 'refusing'
  /** The connection broke. What the worker died of, if it did, is known in a moment. */
  | 'cut'
  /** The client has its id, and what is still to come of the answer goes to it. */
  | 'passing'
  | 'over'

export type FirstAnswerHappening = 'bound' | 'ended' | 'told' | 'broke' | 'failed' | Verdict

export const firstAnswerTransitions: Transitions<FirstAnswerState, FirstAnswerHappening> = {
  waiting: { accepted: 'binding', refused: 'refusing', broke: 'cut', failed: 'over' },
  binding: { bound: 'passing', failed: 'over' },
  refusing: { told: 'over', failed: 'over' },
  cut: { failed: 'over' },
  passing: { ended: 'over' },
  over: {},
}

type Outlet = Pick<Downstream, 'write' | 'end' | 'fail'>

/** The way of the answer to the client, and how long it may take. */
export interface Passage {
  downstream: Outlet
  times: Remaining
}

/**
 * So much of an answer is held back at most, with all that comes before it: instructions and lists
 * of capabilities are long at times, and no server needs megabytes to say that it is there.
 */
export const firstAnswerBytes = 4 * 1024 * 1024

/** What follows from the answer: of `pass`, `refuse` and `fail` one is called, once. */
export interface FirstAnswerOptions {
  protocol: Pick<Protocol, 'isStateless' | 'isStream' | 'readMessage'>
  /** Of the request that is answered, if it has one. */
  id?: RpcId | undefined
  /** Whether a keeper answers where the server does not. */
  isKept: boolean
  /**
   * Makes the session live.
   *
   * @returns false when it has ended meanwhile
   */
  bind(answered: Answered, result: Peek | undefined): Promise<boolean>
  /** Settles when it would be known that the worker has died: `giveUp` was called by then. */
  untilDeathIsKnown(): Promise<void>
  /** The session is live: the client gets its id, and the head of the answer. */
  pass(answered: Answered, upstream: Upstream | undefined): Passage
  /** Nothing came of it, and the worker says why. */
  refuse(answered: Answered): void
  /** Nothing came of it, for a reason of ours. */
  fail(error: GatewayError): void
  /** What there is to say of a connection that did not come about, or broke. */
  broken(cause: Error): GatewayError
  /** What there is to say of an answer that no client could make anything of. */
  senseless(answered: Answered): GatewayError
  /** What there is to say of a worker that sends and sends, and no answer. */
  flooded(): GatewayError
}

/** Is told what comes from the worker, and of whatever else settles the matter. */
export interface FirstAnswer {
  readonly state: FirstAnswerState
  sent(upstream: Upstream): void
  head(statusCode: number, headers: IncomingHttpHeaders): void
  data(chunk: Buffer): void
  end(): void
  broke(cause: Error): void
  /** Without effect once the client has its id, or was told otherwise. */
  giveUp(error: GatewayError): void
}

/**
 * Holds the answer to the request that opens a session back until it is known to be a result: the
 * client may see its id only then.
 */
export function createFirstAnswer(options: FirstAnswerOptions): FirstAnswer {
  const machine = createMachine(firstAnswerTransitions, 'waiting')
  let upstream: Upstream | undefined
  let answered: Answered | undefined
  let judge: Judge | undefined
  let passage: Passage | undefined
  /** How the answer ended, where that was before it could be passed on. */
  let ending: ((outlet: Outlet) => void) | undefined

  function settle(so: Answered, verdict: Verdict, result: Peek | undefined): void {
    if (verdict === 'accepted') inBackground(accept(so, result), faulted)
    else if (verdict === 'refused') inBackground(refuse(so), faulted)
    else giveUp(options.senseless(so))
  }

  async function accept(so: Answered, result: Peek | undefined): Promise<void> {
    if (!machine.take('accepted')) return
    upstream?.pause()
    let isBound: boolean
    try {
      isBound = await options.bind(so, result)
    } catch (thrown) {
      giveUp(asGatewayError(thrown))
      return
    }
    if (isBound) pass(so)
    else giveUp(new GatewayError('ERR_SESSIONS_ENDED', { params: { reason: 'stopped' } }))
  }

  function pass(so: Answered): void {
    if (!machine.take('bound')) return
    passage = options.pass(so, upstream)
    for (const chunk of so.held.chunks) passage.downstream.write(chunk)
    so.held.take()
    upstream?.resume()
    finish()
  }

  function finish(): void {
    if (passage === undefined || ending === undefined || !machine.take('ended')) return
    passage.times.end()
    ending(passage.downstream)
  }

  async function refuse(so: Answered): Promise<void> {
    if (!machine.take('refused')) return
    if (options.isKept) await options.untilDeathIsKnown()
    if (machine.take('told')) options.refuse(so)
  }

  function giveUp(error: GatewayError): void {
    if (!machine.take('failed')) return
    upstream?.abort(error)
    options.fail(error)
  }

  /** A mistake of ours: this session comes to nothing, or its answer ends here. */
  function faulted(thrown: unknown): void {
    const error = asGatewayError(thrown)
    upstream?.abort(error)
    if (machine.is('passing')) passage?.downstream.fail(error)
    else if (machine.take('failed')) options.fail(error)
    else throw thrown
  }

  return {
    get state() {
      return machine.state
    },
    sent(controller) {
      upstream = controller
      if (machine.is('over')) controller.abort(new Error('Nobody waits for the answer.'))
    },
    head(statusCode, headers) {
      const so: Answered = { statusCode, headers, held: createPile() }
      answered = so
      judge = createJudge(options.protocol, so, options.id, (...verdict) => settle(so, ...verdict))
    },
    data(chunk) {
      if (machine.is('passing')) {
        passage?.downstream.write(chunk)
        return
      }
      if (answered === undefined || machine.is('over')) return
      if (answered.held.bytes + chunk.length > firstAnswerBytes) {
        // What it is, if it is known already, has been settled; no more of it is kept.
        giveUp(options.flooded())
        return
      }
      answered.held.add(chunk)
      judge?.data(chunk)
    },
    end() {
      ending = (to) => to.end()
      finish()
      judge?.end()
    },
    broke(cause) {
      const cut = options.broken(cause)
      ending = (to) => to.fail(cut)
      finish()
      if (!machine.take('broke')) return
      const known = options.untilDeathIsKnown().then(() => giveUp(cut))
      inBackground(known, faulted)
    },
    giveUp,
  }
}
