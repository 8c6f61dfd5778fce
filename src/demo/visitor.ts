import { z } from 'zod'

import { connect } from '../client/connect.ts'
import type { Connection, Handlers } from '../client/connect.ts'
import { Failure } from '../client/failures.ts'
import { resultText } from '../client/results.ts'
import type { Actor, Stage } from './stage.ts'

const identitySchema = z.object({
  pid: z.number(),
  process: z.string(),
  pidNamespace: z.string().nullable(),
})
const tripsSchema = z.object({ trips: z.array(z.object({ reference: z.string() })) })
const bookingSchema = z.object({ reference: z.string() })

export type Identity = z.infer<typeof identitySchema>

/**
 * Somebody with a session of their own at the trip planner. It is not idle before `rest`: whoever
 * is ready first may have to wait for the other, on a busy machine for long.
 */
export interface Visitor extends Actor {
  readonly sessionId: string
  /** Who serves this session. */
  identity(): Promise<Identity>
  /** Holds the whole conversation. @returns the booking's reference, if it came to a booking. */
  planTrip(): Promise<string | undefined>
  /** The references of all trips that this session can see. */
  trips(): Promise<string[]>
  /** Sends nothing any more; done when the last call was answered. */
  rest(): Promise<void>
  /** Ends the session. */
  end(): Promise<void>
  /** Closes the connection and leaves the session to itself. */
  leave(): Promise<void>
}

const awakeEveryMs = 500

export async function visit(
  actor: Actor,
  url: URL,
  handlers: Handlers,
  stage: Stage,
  signal: AbortSignal | undefined,
): Promise<Visitor> {
  const connection = await connect(url, handlers, { ...(signal && { signal }) })
  const { sessionId } = connection
  if (sessionId === undefined) throw new Failure(`${actor.name} was given no session id.`)

  let lastCall: Promise<unknown> | undefined
  const stayAwake = (): void => {
    // One that is not answered yet keeps it awake as well. If the session is gone, the next call
    // that matters will say so.
    lastCall ??= callTool(connection, 'whoami')
      .catch(() => undefined)
      .finally(() => (lastCall = undefined))
  }
  stayAwake()
  const awake = setInterval(stayAwake, awakeEveryMs)
  async function rest(): Promise<void> {
    clearInterval(awake)
    await lastCall
  }

  return {
    ...actor,
    sessionId,
    identity: async () => identitySchema.parse(await callTool(connection, 'whoami')),
    async planTrip() {
      const { client, request } = connection
      const result = await request(
        (options) => client.callTool({ name: 'plan_trip' }, undefined, options),
        (progress) => stage.progress(actor, progress),
      )
      stage.say(actor, ' ', resultText(result as Parameters<typeof resultText>[0]))
      const booking = bookingSchema.safeParse(result.structuredContent)
      return booking.success ? booking.data.reference : undefined
    },
    async trips() {
      const { trips } = tripsSchema.parse(await callTool(connection, 'list_trips'))
      return trips.map(({ reference }) => reference)
    },
    rest,
    async end() {
      await rest()
      await connection.end()
    },
    async leave() {
      await rest()
      await connection.leave()
    },
  }
}

async function callTool({ client, request }: Connection, name: string): Promise<unknown> {
  const result = await request((options) => client.callTool({ name }, undefined, options))
  return result.structuredContent
}
