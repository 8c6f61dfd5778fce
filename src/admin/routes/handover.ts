import type { FastifyInstance } from 'fastify'

import { guarded, tellFault } from '../../ground/guarded.ts'
import { Type } from '../../ground/schema.ts'
import type { Handover } from '../handover.ts'

const HandoverView = Type.Object({ pid: Type.Integer(), exchanges: Type.Integer() })

export interface HandoverRoutesOptions {
  handover: Handover
}

/** For `serve --takeover`: when it is answered, the addresses can be listened on. */
export function handoverRoutes(
  app: FastifyInstance,
  { handover }: HandoverRoutesOptions,
  done: () => void,
): void {
  app.post('/handover', { schema: { response: { 202: HandoverView } } }, (_request, reply) => {
    const news = handover.begin()
    // What comes after it closes this connection as well.
    const end = (): void => handover.end(news)
    reply.raw.once('close', guarded(end, tellFault('handing over')))
    return reply.code(202).send(news)
  })
  done()
}
